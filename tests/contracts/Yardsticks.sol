// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ERC20TransferAuthorization} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20TransferAuthorization.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// What gas is compared with: OpenZeppelin's plain token, and its two that move by authorization.
contract PlainToken is ERC20("Plain", "PLN") {
    constructor(address holder) {
        _mint(holder, 1e24);
    }
}

contract RandomNonceToken is ERC3009 {
    constructor(address holder) ERC20("Random", "RND") EIP712("Random", "1") {
        _mint(holder, 1e24);
    }
}

contract KeyedNonceToken is ERC20TransferAuthorization {
    constructor(address holder) ERC20("Keyed", "KEY") EIP712("Keyed", "1") {
        _mint(holder, 1e24);
    }
}
