"""What each sample message of a bank tells, written by hand from the sample itself.

A fact is a tuple of texts, made from an event by `fact` in tests/test_messages.py. A line says its
id, its signed amount, what it is, when it was booked and from when it counts; then what is special
about it. A tie says opening + entries = closing, as the sample has them.

A line to which its bank gave no id of its own has its day and amount for one, and how manieth it is
among those that say the same; what else it says is left out here.
"""

ABN_BATCH = ("2013-04-02/10EUR/1", "2013-04-02/-2EUR/1", "2012-04-02/7EUR/1")

# account, number of the statement: opening | each entry | closing
SEPA_MT940 = """
0194774600888 4: -1234718.36 | 300 335.33 15000 66295.08 915311.55 -204.88 -999946.95 | -1237628.23
0194777100888 4: -970499.90 | 15000.05 -500250 | -1455749.85
0194778300888 4: -1709296.34 | 50.05 125.88 125004.88 -326609.66 -326609.66 | -2237334.85
0194779500888 4: 3192675.04 | 250000 300000 500000 | 4242675.04
0194780100888 4: -2368827.87 | 204.88 -204.88 -50990.05 -175454.22 -500250 | -3095522.14
0194780101888 4: 152970.15 | 50990.05 | 203960.20
0194781300888 4: -40432.20 | 19990.05 -57.34 -5002.17 -5002.17 -5002.17 -5002.17 -5002.17 -55344.11 | -100854.45
0194782500888 4: -1552497.38 | 50 50.05 50.05 46500.07 154551.93 -2550 -2550.12 -2550.12 -65500.15 -402104 -476921.44 | -2303471.11
0194783700888 4: -3829477.87 | 335.33 915311.55 -157.34 -6002.17 -6002.17 -6002.17 -6002.17 -6002.17 -155344.11 -415603.93 -589103.86 -915646.88 | -5019697.96
0194784900888 4: -5777585.57 | 16500.07 154551.93 -13990.05 -19990.05 -50990.05 -326609.66 -342104 -962104 -1522104 | -8844425.38
0194784901888 3: 13990.05 | 13990.05 | 27980.10
0194785000888 4: -3612519.02 | -57.34 -5002.17 -5002.17 -5002.17 -5002.17 -5002.17 -19990.05 -50990.05 -50990.05 -55344.11 -342104 -956588.05 | -5113593.52
0194785001888 4: 152970.15 | 50990.05 | 203960.20
0194786200888 4: 145964.58 | 16500.07 19990.05 56500.07 | 238954.77
0194787400888 4: 766656.49 | 50990.05 154551.93 154551.93 -1500 | 1125250.40
0194791600888 4: -1970431.87 | 300 335.33 15000 15000.05 125004.88 915311.55 -3572569.03 | -4472049.09
0194791601888 4: -324910.25 | 1910.05 50990.05 -125300.10 | -397310.25
0194798900888 4: -450 | -150 | -600
0194799000888 4: -450 | -150 | -600
0194804000888 1: 0 | 50.05 | 50.05
"""  # noqa: E501 (one statement a line)

EXPECTED: dict[str, list[tuple[str, ...]]] = {
    # --- camt ------------------------------------------------------------------------------------
    # Announced in SEK on an account whose interim balance is in CHF, of another year. Its detail
    # tells USD and CHF, so it has no amount in the entry's currency.
    "camt052/camt__data_camt052.v6.xml": [
        ("line", "ACSR160614165200001", "-200000 SEK", "payment PMNT/RCDT/DMCT", "2007-10-18",
         "value 2007-10-18", "pending"),
        ("balance", "10022.15 CHF", "2020-04-04"),
    ],
    # Two coffees of the same price on the same day are two coffees.
    "camt053/bankstatementparser__golden_camt053_duplicate_same_day.xml": [
        ("line", "2026-04-07/-4.5EUR/1", "-4.50 EUR", "payment", "2026-04-07", "value 2026-04-07",
         "with CITY COFFEE", "derived"),
        ("line", "2026-04-07/-4.5EUR/2", "-4.50 EUR", "payment", "2026-04-07", "value 2026-04-07",
         "with CITY COFFEE", "derived"),
    ],
    "camt053/bankstatementparser__golden_camt053_garbled_amount.xml": [
        ("quarantined", "amount '12..34' is no decimal number"),
    ],
    # Two statements, of two accounts, in two currencies; the dollar line counts from the next day.
    "camt053/bankstatementparser__golden_camt053_multicurrency.xml": [
        ("line", "2026-04-10/1250.5EUR/1", "1250.50 EUR", "payment", "2026-04-10",
         "value 2026-04-10", "with ACME GMBH", "derived"),
        ("line", "2026-04-15/-500.25EUR/1", "-500.25 EUR", "payment", "2026-04-15",
         "value 2026-04-15", "with OFFICE SUPPLIES SARL", "derived"),
        ("tie", "10000 + 750.25 = 10750.25 EUR", "2 entries", "2026-04-01", "2026-05-01"),
        ("line", "2026-04-20/-99.99USD/1", "-99.99 USD", "payment", "2026-04-20",
         "value 2026-04-21", "with CLOUD HOSTING INC", "derived"),
        ("tie", "2500 + -99.99 = 2400.01 USD", "1 entries", "2026-04-01", "2026-05-01"),
    ],
    # No opening, so no tie: its closing is a balance to compare. The third entry has no date of
    # its own: it was booked by the time of the statement at the latest, and is known by the day
    # that the statement closes.
    "camt053/camt053__gold_master_statement_ac04.xml": [
        ("line", "2026-06-15/1500EUR/1", "1500 EUR", "return AC04", "2026-06-15",
         "value 2026-06-15", "with DE89370400440532013000", "derived"),
        ("line", "2026-06-15/980.5EUR/1", "980.50 EUR", "return AC06", "2026-06-15", "derived"),
        ("line", "2026-06-15/-42EUR/1", "-42 EUR", "payment", "2026-06-15T08:00:00", "derived"),
        ("balance", "10000 EUR", "2026-06-16"),
    ],
    # 8.850 is exactly 8.85; what is wrong is the sum.
    "camt053/camt__data_camt053.v2.five.decimals.xml": [
        ("quarantined", "253EURNL26VAYB8060476890 EUR: opening 18.15 + entries 8.85 = 27, not the"
         " closing 27.05 told"),
        ("tie", "18.15 + 8.85 = 27.05 EUR", "1 entries", "sequence 12312", "2014-12-30",
         "2015-01-01"),
    ],
    "camt053/camt__data_camt053.v2.multi.statement.xml": [
        ("line", "2014-12-31/8.85EUR/1", "8.85 EUR", "payment 544", "2014-12-31",
         "value 2015-01-02", "derived"),
        ("tie", "18.15 + 8.85 = 27 EUR", "1 entries", "sequence 12312", "2014-12-30", "2015-01-01"),
        ("line", "2014-12-31/-7EUR/1", "-7 EUR", "payment 544", "2014-12-31",
         "value 2015-01-02", "with NL56AGDH9619008421", "derived"),
        ("tie", "27 + -7 = 20 EUR", "1 entries", "2014-12-30", "2015-01-01"),
    ],
    "camt053/camt__data_camt053.v2.wrong.xml": [("quarantined", "no <Stmt> in <BkToCstmrStmt>")],
    # Banks do give one reference to two entries: those are known by what they say. The last two
    # undo collections of ours: debits, whatever RvslInd says. Opening is the previous closing, of
    # the end of 28 March.
    "camt053/iso20022.js__abn_amro_example_camt.xml": [
        ("line", "2102830989503100038", "1 EUR", "payment PMNT/RCDT/NTAV", "2013-04-02",
         "value 2013-04-02"),
        ("line", "3095D4322561459S0PS", "1 EUR", "payment PMNT/RCDT/ESCT", "2013-04-02",
         "value 2013-04-02", "with NL46ABNA0499998748"),
        ("line", "2013-04-02/1EUR/1", "1 EUR", "payment PMNT/RCDT/ESCT", "2013-04-02",
         "value 2013-04-02", "with NL46ABNA0499998748", "derived"),
        ("line", ABN_BATCH[0], "10 EUR", "payment PMNT/RCDT/ESCT", "2013-04-02",
         "value 2013-04-02", "parts 1 1 1 1 1 1 1 1 1 1", "derived"),
        ("line", "3922000TRP7K6HAZ0BI", "1 EUR", "payment PMNT/RCDT/ESCT", "2013-04-02",
         "value 2013-04-02", "with NL21INGB0000773837"),
        ("line", "2013-04-02/-1EUR/1", "-1 EUR", "payment PMNT/ICDT/ESCT", "2013-04-02",
         "value 2013-04-02", "with NL87SNSB0941352955", "derived"),
        ("line", ABN_BATCH[1], "-2 EUR", "payment PMNT/ICDT/ESCT", "2013-04-02",
         "value 2013-04-02", "parts -1 -1", "derived"),
        ("line", "3088J0537755116S0EC", "-2 EUR", "payment PMNT/ICDT/SALA", "2013-04-02",
         "value 2013-04-02"),
        ("line", "3077K3403606428S0AD", "-1 EUR", "payment PMNT/RDDT/ESDD", "2013-04-02",
         "value 2013-04-02", "with BE21319980275903"),
        ("line", ABN_BATCH[2], "7 EUR", "payment PMNT/IDDT/ESDD", "2012-04-02",
         "value 2012-04-02", "parts 1 1 1 1 1 1 1", "derived"),
        ("line", "2012-04-02/7EUR/1", "7 EUR", "payment PMNT/IDDT/ESDD", "2012-04-02",
         "value 2012-04-02", "derived"),
        ("line", "GB020000738195160AO", "-1 EUR", "return MS03", "2012-04-02", "value 2012-04-02",
         "with NL27ABNA0562326340", "reversal"),
        ("line", "GB030000738195160AO", "-921 EUR", "return MS03", "2012-04-02",
         "value 2012-04-02", "with NL27ABNA0592326340", "reversal"),
        ("tie", "1000.01 + -900 = 100.01 EUR", "13 entries", "sequence 70", "2013-03-29",
         "2013-04-03"),
    ],
    # Fifteen entries stand in it, ten of them credits.
    "camt053/iso20022.js__goldman_sachs_camt_053_us_v2_sample.xml": [
        ("quarantined", "TtlNtries tells 14 entries of 140.00: not these"),
    ],
    "camt053/iso20022.js__nordea_example_camt.xml": [
        ("line", "1905082588CEAA0001", "10000 EUR", "payment PMNT/RCDT/ESCT", "2019-05-08",
         "value 2019-05-08"),
        ("line", "1905082588SM12345678", "100.50 EUR", "payment PMNT/RCDT/XBCT", "2019-05-08",
         "value 2019-05-08"),
        ("line", "1905082588CEAG0003", "-700.50 EUR", "payment PMNT/ICDT/ESCT", "2019-05-08",
         "value 2019-05-08"),
        ("line", "1905092588CEAG0004", "-300 EUR", "payment PMNT/ICCN/ICCT", "2019-05-08",
         "value 2019-05-08"),
        ("line", "1905082588CVCC1111", "-400 EUR", "payment PMNT/NTAV/NTAV", "2019-05-08",
         "value 2019-05-08"),
        ("line", "1905082588AU123456", "-100 EUR", "payment CAMT/ACCB/SWEP", "2019-05-08",
         "value 2019-05-08"),
        ("tie", "200.50 + 8600 = 8800.50 EUR", "6 entries", "sequence 25", "2019-05-08",
         "2019-05-09"),
    ],
    "camt054/camt__data_camt054.v4.xml": [
        ("quarantined", "a batch of 2 transactions details 3"),
    ],
    # --- statuses --------------------------------------------------------------------------------
    # The batch is rejected and so is each of its three, whatever the group says (ACTC).
    "pain002/iso20022.js__cross_river_pain_002_transaction_rejected.xml": [
        ("payment", "sanity-10-1-12-1-21", "rejected NARR",
         "Instruction ID example01234567 already exist", "in missing2", "2020-10-26T11:49:33.620"),
        ("payment", "example01234567", "rejected NARR",
         "Instruction ID example01234567 already exist", "in missing2", "2020-10-26T11:49:33.620"),
        ("payment", "example012345678", "rejected NARR",
         "Instruction ID example012345678 already exist", "in missing2", "2020-10-26T11:49:33.620"),
    ],
    "pain002/iso20022.js__goldman_sachs_pain_002_v3_accepted.xml": [
        ("payment", "GSDGFKfLURaHb", "accepted NARR", "their I200820000XXXXX", "10 of it",
         "in 3B-CCY", "2020-08-20T15:25:48"),
    ],
    "pain002/iso20022.js__nordea_pain_002_v3_group_reject.xml": [
        ("payment", "MSGID-PS-TEST-0708-01", "rejected DU01", "ISO Duplicate Message ID",
         "2015-08-10T10:19:09"),
    ],
    "pain002/iso20022.js__nordea_pain_002_v3_txn_reject.xml": [
        ("payment", "ENDTOENDID-950-TEST2-2807-02", "rejected NARR",
         "CAP Invalid code or combinations in CategoryPurpose or ServiceLevel",
         "in PMTINFID-950-TEST2-2807-01",
         "2015-07-28T10:40:14"),
        ("payment", "ENDTOENDID-950-TEST2-2807-01", "rejected NARR",
         "CAP Invalid code or combinations in CategoryPurpose or ServiceLevel",
         "in PMTINFID-950-TEST2-2807-01",
         "2015-07-28T10:40:14"),
    ],
    # Technically accepted is not settled.
    "pacs002/rtp20022__testdata_pacs002.ACTC.xml": [
        ("payment", "20230711200000057A1B123864928178098", "accepted ACTC", "their 001",
         "2000 of it", "in M20230711200000057A1BFFF64928178098", "2023-07-11T10:53:03"),
    ],
    # --- NACHA -----------------------------------------------------------------------------------
    # A reversing pair, effective 31 January: a credit to account 1234, a debit to account 11 (whose
    # record writes the check digit 3, then the number's field).
    "nacha/ach__testdata_NACHA_SAMPLE_TEL_REVERSAL.ach": [
        ("line", "026009590000001", "6851 USD", "reversal TEL", "2023-01-13",
         "value 2023-01-31", "with Bob's Manufactur", "reversal", "pending"),
        ("line", "026009590000002", "-6851 USD", "reversal TEL", "2023-01-13",
         "value 2023-01-31", "with Bob's Manufactur", "reversal", "pending"),
    ],
    "nacha/ach__testdata_cor-example.ach": [
        ("change", "C01", "1918171614", "of 121042880000001, location #23"),
    ],
    # Its addenda has no trace number of its own; the entry has.
    "nacha/ach__testdata_iat-addenda99.ach": [
        ("return", "231380100000001/231380100000001", "1000", "R01", "of 231380100000001",
         "2019-01-16"),
    ],
    "nacha/ach__testdata_issue1620_return.ach": [
        ("return", "987654321000001/062000010000001", "0.01", "R03", "of 062000010000001",
         "2025-06-30T07:09:00"),
    ],
    "nacha/ach__testdata_return-WEB.ach": [
        ("return", "091000017611242/091400600000001", "123.54", "R01",
         "of 091400600000001, MjMxNDAwMjAtOGQ", "2018-10-17T03:06:00"),
        ("return", "021000029461242/091400600000003", "45.65", "R03",
         "of 091400600000003, NmRjZTJmMzItMGN", "2018-10-17T03:06:00"),
    ],
    # One entry of eight cents, between a batch header and nothing.
    "nacha/achgateway__testdata_recon.ach": [
        ("quarantined", "no file header (1): a fragment, whose totals nobody can check"),
    ],
    # --- BAI2 ------------------------------------------------------------------------------------
    "bai2/bai2__data_nwb_example.bai2": [
        ("line", "2009-12-16/-9.71GBP/1", "-9.71 GBP", "unknown 699", "2009-12-16", "derived"),
        ("line", "2009-12-16/-1GBP/1", "-1 GBP", "unknown 699", "2009-12-16", "derived"),
        ("line", "2009-12-16/-1.23GBP/1", "-1.23 GBP", "unknown 699", "2009-12-16", "derived"),
        ("line", "2009-12-16/-15.71GBP/1", "-15.71 GBP", "unknown 699", "2009-12-16", "derived"),
        ("line", "2009-12-16/0.89GBP/1", "0.89 GBP", "unknown 399", "2009-12-16", "derived"),
        ("tie", "365.21 + -26.76 = 338.45 GBP", "5 entries", "2009-12-16", "2009-12-17"),
    ],
    "bai2/bai2__data_svb_us_example.bai2": [
        ("line", "172629", "4901.96 USD", "payment 142", "2022-02-01"),
        ("tie", "347269.79 + 4901.96 = 352171.75 USD", "1 entries", "2022-02-01", "2022-02-02"),
        ("line", "150675", "9058 USD", "payment 142", "2022-02-02"),
        ("tie", "352171.75 + 9058 = 361229.75 USD", "1 entries", "2022-02-02", "2022-02-03"),
    ],
    # One account twice, once for each day of value; no ledger balance, so no tie, but the sums of
    # credits and debits hold: 2085.00 of each, then 1115.00 of each. What has one amount comes from
    # different places.
    "bai2/bai2__testdata_sample1.txt": [
        *(
            ("line", f"2006-03-17/{amount}CAD/1", f"{amount} CAD", f"payment {code}", "2006-03-17",
             "value 2006-03-16", "derived")
            for code, amount in (
                [("409", "-25"), ("409", "-900"), ("409", "-5"), ("108", "2035"), ("108", "25"),
                 ("108", "25"), ("409", "-200"), ("409", "-900"), ("409", "-20"), ("409", "-25"),
                 ("409", "-10")])
        ),
        *(
            ("line", f"2006-03-17/{amount}CAD/1", f"{amount} CAD", f"payment {code}", "2006-03-17",
             "value 2006-03-17", "derived")
            for code, amount in (
                [("108", "115"), ("108", "1000"), ("409", "-1000"), ("409", "-90"), ("409", "-20"),
                 ("409", "-5")])
        ),
    ],
    # Its 49 records do not sum either, but a line comes first that is no record at all.
    "bai2/bai2__testdata_sample5-issue113.txt": [
        ("quarantined", "line 63: '88:EREF: 073' begins no record of BAI2"),
    ],
    # --- MT --------------------------------------------------------------------------------------
    # The value date is 30 February of thirty-day months: the last of the month.
    "mt940/mt940__self-provided_february_30.sta": [
        ("line", "2016-03-01/-6EUR/1", "-6 EUR", "payment N024", "2016-03-01",
         "value 2016-02-29", "derived"),
        ("tie", "1200 + -6 = 1194 EUR", "1 entries", "2016-03-01", "2016-03-02"),
    ],
    "mt942/mt940__mBank_mt942.sta": [
        ("line", "MB170119012058", "0.01 PLN", "payment NTRF", "2017-01-19", "value 2017-01-19",
         "pending"),
        ("line", "MB170119012085", "0.01 PLN", "payment NTRF", "2017-01-19", "value 2017-01-19",
         "pending"),
        ("line", "MB170119012121", "0.01 PLN", "payment NTRF", "2017-01-19", "value 2017-01-19",
         "pending"),
    ],
}  # fmt: skip
