// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/**
 * A token that moves when two say so: k of n authorizers, who permit, and its holder, who acts.
 *
 * The holder acts by sending the transaction, or by a signed consent that anybody may bring. The
 * authorizers sign one authorization, which names both parties, the value, a window, a nonce and an
 * epoch; it is used once. The contract knows signatures, windows and nonces, and nothing of people.
 *
 * A nonce is a lane (its upper 192 bits) and a place in the lane: lanes are independent, within one
 * the order holds.
 */
contract AuthorizedToken is ERC20, EIP712, NoncesKeyed, Pausable {
    struct Authorization {
        address from;
        address to;
        uint256 value;
        uint64 validAfter;
        uint64 validBefore;
        uint256 nonce;
        uint64 epoch;
        bytes32 policyHash;
    }

    struct Mint {
        address to;
        uint256 value;
        uint64 validBefore;
        uint256 nonce;
        uint64 epoch;
        bytes32 policyHash;
    }

    struct Burn {
        address from;
        uint256 value;
        uint64 validBefore;
        uint256 nonce;
        uint64 epoch;
        bytes32 policyHash;
    }

    struct Recovery {
        address from;
        address to;
        uint64 validBefore;
        uint256 nonce;
        bytes32 reasonHash;
    }

    struct Signature {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// What a transfer needs: permission, and the holder's consent where another brings it.
    struct Release {
        Authorization authorization;
        Signature[] signatures;
        bytes consent;
    }

    bytes32 private constant AUTHORIZATION = keccak256(
        "Authorization(address from,address to,uint256 value,uint64 validAfter,uint64 validBefore,"
        "uint256 nonce,uint64 epoch,bytes32 policyHash)"
    );
    bytes32 private constant CONSENT = keccak256("Consent(bytes32 authorization)");
    bytes32 private constant MINT = keccak256(
        "Mint(address to,uint256 value,uint64 validBefore,uint256 nonce,uint64 epoch,"
        "bytes32 policyHash)"
    );
    bytes32 private constant BURN = keccak256(
        "Burn(address from,uint256 value,uint64 validBefore,uint256 nonce,uint64 epoch,"
        "bytes32 policyHash)"
    );
    bytes32 private constant RECOVERY = keccak256(
        "Recovery(address from,address to,uint64 validBefore,uint256 nonce,bytes32 reasonHash)"
    );

    // These three share a slot with the pause, which every transfer reads.
    uint64 public epoch;
    uint64 public threshold;
    uint8 private immutable _decimals;

    address public admin;
    address public pauser;
    /// Until when, that second included, an address is an authorizer; 0: it is none.
    mapping(address => uint64) public notAfter;
    mapping(address holder => uint64) private _recoveries;

    /// Value moved, came or went: `message` is the struct hash of what permitted it.
    event Moved(bytes32 indexed message, address indexed holder, uint256 nonce, bytes32 policyHash);
    event Recovered(bytes32 indexed message, address indexed holder, uint256 nonce, bytes32 reasonHash);
    /// What was signed in this lane below `next` is void, if it was not used.
    event Revoked(address indexed holder, uint256 next);
    /// What was signed for this holder (0: for everybody) under an earlier epoch is void.
    event EpochRaised(address indexed holder, uint64 epoch);
    event AuthorizerSet(address indexed authorizer, uint64 notAfter);
    event ThresholdSet(uint64 threshold);
    event Appointed(address indexed admin, address indexed pauser);

    error NeedsAuthorization();
    error NotAllowed(address sender);
    error OutsideWindow();
    error WrongEpoch(uint64 current);
    error NoConsent(address holder);
    error TooFewSignatures();
    error NotAuthorizedBy(address signer);
    error SelfTransfer();
    error NothingToRevoke();
    error RolesOverlap();
    error NoThreshold();

    modifier only(address role) {
        require(msg.sender == role, NotAllowed(msg.sender));
        _;
    }

    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        address admin_,
        address pauser_,
        address[] memory authorizers,
        uint64 threshold_
    ) ERC20(name_, symbol_) EIP712(name_, "1") {
        _decimals = decimals_;
        _appoint(admin_, pauser_);
        for (uint256 i; i < authorizers.length; ++i) {
            _setAuthorizer(authorizers[i], type(uint64).max);
        }
        _setThreshold(threshold_);
    }

    // --- value moves ---------------------------------------------------------------------------

    /// Transfers, each permitted and consented to: all of them, or none.
    function release(Release[] calldata releases) external whenNotPaused {
        for (uint256 i; i < releases.length; ++i) {
            _release(releases[i]);
        }
    }

    function _release(Release calldata given) private {
        Authorization calldata a = given.authorization;
        bytes32 message = keccak256(abi.encode(AUTHORIZATION, a));
        require(a.from != a.to, SelfTransfer());
        require(a.validAfter < block.timestamp, OutsideWindow());
        _requireCurrent(a.from, a.validBefore, a.epoch);
        _requireAuthorizers(message, given.signatures);
        _requireConsent(a.from, message, given.consent);
        _useCheckedNonce(a.from, a.nonce);
        _transfer(a.from, a.to, a.value);
        emit Moved(message, a.from, a.nonce, a.policyHash);
    }

    function mint(Mint calldata m, Signature calldata signature) external whenNotPaused {
        bytes32 message = keccak256(abi.encode(MINT, m));
        _requireCurrent(m.to, m.validBefore, m.epoch);
        _useAdmin(message, m.nonce, signature);
        _mint(m.to, m.value);
        emit Moved(message, m.to, m.nonce, m.policyHash);
    }

    function burn(Burn calldata b, Signature calldata signature, bytes calldata consent)
        external
        whenNotPaused
    {
        bytes32 message = keccak256(abi.encode(BURN, b));
        _requireCurrent(b.from, b.validBefore, b.epoch);
        _useAdmin(message, b.nonce, signature);
        _requireConsent(b.from, message, consent);
        _burn(b.from, b.value);
        emit Moved(message, b.from, b.nonce, b.policyHash);
    }

    /// All that a holder has goes elsewhere, and what was permitted to the holder is void. No pause
    /// stops it.
    function recover(Recovery calldata r, Signature calldata signature) external {
        bytes32 message = keccak256(abi.encode(RECOVERY, r));
        require(r.from != r.to, SelfTransfer());
        require(block.timestamp < r.validBefore, OutsideWindow());
        _useAdmin(message, r.nonce, signature);
        ++_recoveries[r.from];
        emit EpochRaised(r.from, epochOf(r.from));
        _transfer(r.from, r.to, balanceOf(r.from));
        emit Recovered(message, r.from, r.nonce, r.reasonHash);
    }

    // --- what was permitted is taken back: works while paused --------------------------------------

    /// The next authorization of a lane; it must not be used yet.
    function revoke(address holder, uint256 nonce) external {
        _requireMayRevoke(holder);
        _useCheckedNonce(holder, nonce);
        emit Revoked(holder, nonce + 1);
    }

    /// All of a lane below `next`.
    function revokeLane(address holder, uint192 lane, uint64 next) external {
        _requireMayRevoke(holder);
        require(uint64(nonces(holder, lane)) < next, NothingToRevoke());
        while (uint64(nonces(holder, lane)) < next) {
            _useNonce(holder, lane);
        }
        emit Revoked(holder, nonces(holder, lane));
    }

    /// Everything but recoveries.
    function raiseEpoch() external {
        _requireMayRevoke(address(0));
        emit EpochRaised(address(0), ++epoch);
    }

    // --- roles: works while paused ---------------------------------------------------------------

    function pause() external only(pauser) {
        _pause();
    }

    function unpause() external only(admin) {
        _unpause();
    }

    /// Rotation: a new authorizer, or the last second of an old one. Both count meanwhile.
    function setAuthorizer(address who, uint64 notAfter_) external only(admin) {
        _setAuthorizer(who, notAfter_);
    }

    function setThreshold(uint64 threshold_) external only(admin) {
        _setThreshold(threshold_);
    }

    function appoint(address admin_, address pauser_) external only(admin) {
        _appoint(admin_, pauser_);
    }

    function _setAuthorizer(address who, uint64 notAfter_) private {
        require(who != address(0) && who != admin && who != pauser, RolesOverlap());
        notAfter[who] = notAfter_;
        emit AuthorizerSet(who, notAfter_);
    }

    function _setThreshold(uint64 threshold_) private {
        require(threshold_ != 0, NoThreshold());
        threshold = threshold_;
        emit ThresholdSet(threshold_);
    }

    function _appoint(address admin_, address pauser_) private {
        require(admin_ != address(0) && pauser_ != address(0) && admin_ != pauser_, RolesOverlap());
        require(!isAuthorizer(admin_) && !isAuthorizer(pauser_), RolesOverlap());
        (admin, pauser) = (admin_, pauser_);
        emit Appointed(admin_, pauser_);
    }

    // --- what is asked of a message ---------------------------------------------------------------

    /// The epoch that a message must bear which moves what this holder has.
    function epochOf(address holder) public view returns (uint64) {
        return epoch + _recoveries[holder];
    }

    function isAuthorizer(address who) public view returns (bool) {
        return block.timestamp <= notAfter[who];
    }

    function _requireCurrent(address holder, uint64 validBefore, uint64 epoch_) private view {
        require(block.timestamp < validBefore, OutsideWindow());
        uint64 current = epochOf(holder);
        require(epoch_ == current, WrongEpoch(current));
    }

    /// The holder sends it, or signed that this very message may be brought.
    function _requireConsent(address holder, bytes32 message, bytes calldata consent) private view {
        if (msg.sender == holder) return;
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(CONSENT, message)));
        // A contract that holds is asked (ERC-1271) by a call that can change nothing.
        require(
            SignatureChecker.isValidSignatureNowCalldata(holder, digest, consent),
            NoConsent(holder)
        );
    }

    /// At least `threshold` authorizers, in ascending order: that is how they are distinct.
    function _requireAuthorizers(bytes32 message, Signature[] calldata signatures) private view {
        require(signatures.length >= threshold, TooFewSignatures());
        bytes32 digest = _hashTypedDataV4(message);
        address last;
        for (uint256 i; i < signatures.length; ++i) {
            address signer = _signer(digest, signatures[i]);
            require(last < signer && isAuthorizer(signer), NotAuthorizedBy(signer));
            last = signer;
        }
    }

    /// The admin signed it, and it was not used: nonces of the admin's are the contract's own.
    function _useAdmin(bytes32 message, uint256 nonce, Signature calldata signature) private {
        address signer = _signer(_hashTypedDataV4(message), signature);
        require(signer == admin, NotAuthorizedBy(signer));
        _useCheckedNonce(address(this), nonce);
    }

    function _signer(bytes32 digest, Signature calldata signature) private pure returns (address) {
        return ECDSA.recover(digest, signature.v, signature.r, signature.s);
    }

    /// One authorizer is enough to stop what k permit, but not what the admin signed alone.
    function _requireMayRevoke(address holder) private view {
        bool may = msg.sender == holder || msg.sender == admin;
        require(
            may || (holder != address(this) && isAuthorizer(msg.sender)),
            NotAllowed(msg.sender)
        );
    }

    // --- ERC-20, but for its ways to move ----------------------------------------------------------

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function transfer(address, uint256) public pure override returns (bool) {
        revert NeedsAuthorization();
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        revert NeedsAuthorization();
    }

    function approve(address, uint256) public pure override returns (bool) {
        revert NeedsAuthorization();
    }

    function allowance(address, address) public pure override returns (uint256) {
        return 0;
    }
}
