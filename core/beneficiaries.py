def fault_of(scheme: str, beneficiary: str) -> str:
    return ""
