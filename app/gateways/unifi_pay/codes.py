"""Unifi Pay's status words in ours, and the country codes that it wants."""

from collections.abc import Mapping

from app.gateways.values import GatewayStatus

STATUSES: dict[str, GatewayStatus] = {
    "CREATED": GatewayStatus.PENDING,
    "PENDING": GatewayStatus.APPROVING,
    "PAYMENT_REQUESTED": GatewayStatus.APPROVING,
    "PAID": GatewayStatus.APPROVING,
    "CONFIRMED": GatewayStatus.CAPTURED,
    "PAYMENT_CONFIRMED": GatewayStatus.CAPTURED,
    "FAILED": GatewayStatus.FAILED,
    "CANCELED": GatewayStatus.CANCELED,
    "CANCELLED": GatewayStatus.CANCELED,
}
"""Source: unifi-pay.md §4. `CONFIRMED` and `FAILED` are documented; `CREATED`, `PAYMENT_REQUESTED` and
`PAYMENT_CONFIRMED` are their diagram's own words; `PENDING`, `PAID` and the cancels are the sibling product's (inferred).
Between `CREATED` and an end the buyer has acted, and money may come without us. Any other word is `UNRECOGNIZED`, unless
the setting `status_aliases` says what it means."""


_PAIRS = """
    AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM AT:AUT AU:AUS AW:ABW AX:ALA AZ:AZE
    BA:BIH BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR BH:BHR BI:BDI BJ:BEN BL:BLM BM:BMU BN:BRN BO:BOL BQ:BES BR:BRA BS:BHS
    BT:BTN BV:BVT BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK CD:COD CF:CAF CG:COG CH:CHE CI:CIV CK:COK CL:CHL CM:CMR CN:CHN
    CO:COL CR:CRI CU:CUB CV:CPV CW:CUW CX:CXR CY:CYP CZ:CZE DE:DEU DJ:DJI DK:DNK DM:DMA DO:DOM DZ:DZA EC:ECU EE:EST
    EG:EGY EH:ESH ER:ERI ES:ESP ET:ETH FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA GA:GAB GB:GBR GD:GRD GE:GEO GF:GUF
    GG:GGY GH:GHA GI:GIB GL:GRL GM:GMB GN:GIN GP:GLP GQ:GNQ GR:GRC GS:SGS GT:GTM GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD
    HN:HND HR:HRV HT:HTI HU:HUN ID:IDN IE:IRL IL:ISR IM:IMN IN:IND IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA JE:JEY JM:JAM
    JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM KI:KIR KM:COM KN:KNA KP:PRK KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA
    LI:LIE LK:LKA LR:LBR LS:LSO LT:LTU LU:LUX LV:LVA LY:LBY MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL MK:MKD
    ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ MR:MRT MS:MSR MT:MLT MU:MUS MV:MDV MW:MWI MX:MEX MY:MYS MZ:MOZ NA:NAM
    NC:NCL NE:NER NF:NFK NG:NGA NI:NIC NL:NLD NO:NOR NP:NPL NR:NRU NU:NIU NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG
    PH:PHL PK:PAK PL:POL PM:SPM PN:PCN PR:PRI PS:PSE PT:PRT PW:PLW PY:PRY QA:QAT RE:REU RO:ROU RS:SRB RU:RUS RW:RWA
    SA:SAU SB:SLB SC:SYC SD:SDN SE:SWE SG:SGP SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE SM:SMR SN:SEN SO:SOM SR:SUR SS:SSD
    ST:STP SV:SLV SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL TL:TLS TM:TKM TN:TUN TO:TON
    TR:TUR TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA UM:UMI US:USA UY:URY UZ:UZB VA:VAT VC:VCT VE:VEN VG:VGB VI:VIR
    VN:VNM VU:VUT WF:WLF WS:WSM YE:YEM YT:MYT ZA:ZAF ZM:ZMB ZW:ZWE
"""

ALPHA_3: dict[str, str] = dict(pair.split(":") for pair in _PAIRS.split())
"""ISO 3166-1: the alpha-3 code that Unifi Pay wants, for the alpha-2 code that our API takes.

Source: ISO 3166-1, all 249 entries; equal to the table of the package `pycountry` 26.2 on 2026-11-24.
"""


def aliases(words: Mapping[str, str]) -> dict[str, str]:
    """The setting `status_aliases`, ready for `status_of`.

    Raises ValueError for a meaning that is none of ours: it would read as unrecognized, for every payment, in production.
    """
    if unknown := sorted(meaning for meaning in words.values() if meaning.upper() not in STATUSES):
        known = ", ".join(STATUSES)
        raise ValueError(f"ONETILL_UNIFI_PAY__STATUS_ALIASES: {unknown[0]!r} is no meaning; those are {known}")
    return {word.upper(): meaning.upper() for word, meaning in words.items()}


def status_of(status: str | None, known_as: Mapping[str, str]) -> GatewayStatus:
    """What a status word means; never success for one that is not known. A missing one is `STATUS_MISSING`."""
    if status is None:
        return GatewayStatus.STATUS_MISSING
    word = status.strip().upper()
    return STATUSES.get(known_as.get(word, word), GatewayStatus.UNRECOGNIZED)
