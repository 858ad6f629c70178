// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/**
 * A contract that holds tokens (ERC-1271), and answers for its owner in one of several ways: as it
 * should, or as one that means ill.
 */
contract Holder {
    bytes4 private constant MAGIC = 0x1626ba7e;

    address private immutable _owner;
    string public manner;
    address public target;
    bytes public call;

    constructor(address owner) {
        _owner = owner;
    }

    function behave(string calldata manner_, address target_, bytes calldata call_) external {
        (manner, target, call) = (manner_, target_, call_);
    }

    /// As the sender of a transaction.
    function execute(address to, bytes calldata data) external returns (bytes memory) {
        (bool succeeded, bytes memory said) = to.call(data);
        require(succeeded, string(said));
        return said;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external returns (bytes4) {
        bytes32 how = keccak256(bytes(manner));
        if (how == keccak256("yes")) return MAGIC;
        if (how == keccak256("wrong word")) return 0xffffffff;
        if (how == keccak256("reverts")) revert("no");
        if (how == keccak256("short answer")) {
            assembly {
                mstore(0, MAGIC)
                return(0, 4)
            }
        }
        if (how == keccak256("reenters")) {
            (bool succeeded, ) = target.call(call);
            require(succeeded, "refused inside");
            return MAGIC;
        }
        if (how == keccak256("reenters and hides it")) {
            (bool succeeded, ) = target.call(call);
            return succeeded ? bytes4(0) : MAGIC;
        }
        return ECDSA.recover(hash, signature) == _owner ? MAGIC : bytes4(0);
    }
}
