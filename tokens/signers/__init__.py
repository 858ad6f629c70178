"""Who signs for a token: keys that stay where they are, and signers that verify first."""
