"""Files of instructions as their standards describe them, written for tests by hand.

They share nothing with what we send, so that the simulated bank is tried by two writers.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Files:
    """Our side of one bank: each file has a message id of its own."""

    made: int = 0

    def credit(
        self,
        name: str,
        amount: str,
        currency: str = "EUR",
        *,
        local: str = "",
        level: str = "",
        message: str = "",
    ) -> bytes:
        """A pain.001 of one payment."""
        self.made += 1
        kinds = (f"<SvcLvl><Cd>{level}</Cd></SvcLvl>" if level else "") + (
            f"<LclInstrm><Cd>{local}</Cd></LclInstrm>" if local else ""
        )
        return (
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn>'
            f"<GrpHdr><MsgId>{message or f'M{self.made}'}</MsgId></GrpHdr>"
            f"<PmtInf><PmtInfId>P{self.made}</PmtInfId><PmtTpInf>{kinds}</PmtTpInf><CdtTrfTxInf>"
            f"<PmtId><EndToEndId>{name}</EndToEndId></PmtId>"
            f'<Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt>'
            "<Cdtr><Nm>Payee</Nm></Cdtr><CdtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id>"
            "</CdtrAcct></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>"
        ).encode()

    def collection(self, name: str, amount: str, due: str) -> bytes:
        """A pain.008 of one debit."""
        self.made += 1
        return (
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"><CstmrDrctDbtInitn>'
            f"<GrpHdr><MsgId>M{self.made}</MsgId></GrpHdr><PmtInf><ReqdColltnDt>{due}"
            f"</ReqdColltnDt><DrctDbtTxInf><PmtId><EndToEndId>{name}</EndToEndId></PmtId>"
            f'<InstdAmt Ccy="EUR">{amount}</InstdAmt><Dbtr><Nm>Payer</Nm></Dbtr><DbtrAcct><Id>'
            "<IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct></DrctDbtTxInf></PmtInf>"
            "</CstmrDrctDbtInitn></Document>"
        ).encode()

    def ach(
        self,
        name: str,
        cents: int,
        *,
        code: str = "22",
        descriptive: str = "",
        effective: str = "260101",
        description: str = "PAYMENT",
    ) -> bytes:
        """A NACHA file of one entry; 22 pays, 27 pulls. Each was made in a minute of its own."""
        self.made += 1
        clock = f"{self.made // 60 % 24:02d}{self.made % 60:02d}"
        debit = code == "27"
        totals = f"{cents if debit else 0:012d}{0 if debit else cents:012d}"
        kind = "225" if debit else "220"
        trace = f"09100001{self.made:07d}"
        records = [
            f"101 091000010 091000019260101{clock}A094101{'FED':<23}{'OUR BANK':<23}{'':8}",
            f"5{kind}{'US':<16}{'':20}1234567890PPD{description:<10}{descriptive:<6}{effective}"
            f"{'':3}109100001{1:07d}",
            f"6{code}021000021{'12345':<17}{cents:010d}{name:<15}{'Payee':<22}{'':2}0{trace}",
            f"8{kind}{1:06d}{2100002:010d}{totals}1234567890{'':19}{'':6}09100001{1:07d}",
            f"9{1:06d}{1:06d}{1:08d}{2100002:010d}{totals}{'':39}",
        ]
        records += ["9" * 94] * (-len(records) % 10)
        assert all(len(record) == 94 for record in records)
        return "\n".join(records).encode()

    def status_request(self, name: str) -> bytes:
        """A pacs.028."""
        return self._about("pacs.028.001.05", "FIToFIPmtStsReq", "TxInf", name)

    def recall(self, name: str) -> bytes:
        """A camt.056."""
        self.made += 1
        return (
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.056.001.10"><FIToFIPmtCxlReq>'
            f"<Assgnmt><Id>A{self.made}</Id></Assgnmt><Undrlyg><TxInf><OrgnlEndToEndId>{name}"
            "</OrgnlEndToEndId><CxlRsnInf><Rsn><Cd>DUPL</Cd></Rsn></CxlRsnInf></TxInf></Undrlyg>"
            "</FIToFIPmtCxlReq></Document>"
        ).encode()

    def resolution(self, case: str, code: str) -> bytes:
        """A camt.029 that says no."""
        self.made += 1
        return (
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.029.001.09"><RsltnOfInvstgtn>'
            f"<Assgnmt><Id>A{self.made}</Id></Assgnmt><Sts><Conf>RJCR</Conf></Sts><CxlDtls>"
            f"<TxInfAndSts><RslvdCase><Id>{case}</Id></RslvdCase><CxlStsRsnInf><Rsn><Cd>{code}</Cd>"
            "</Rsn></CxlStsRsnInf></TxInfAndSts></CxlDtls></RsltnOfInvstgtn></Document>"
        ).encode()

    def _about(self, kind: str, root: str, inner: str, name: str) -> bytes:
        self.made += 1
        return (
            f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}"><{root}><GrpHdr>'
            f"<MsgId>M{self.made}</MsgId></GrpHdr><{inner}><OrgnlEndToEndId>{name}"
            f"</OrgnlEndToEndId></{inner}></{root}></Document>"
        ).encode()
