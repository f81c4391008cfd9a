"""What text from outside suffers on its way: each as the bytes that stand in a JSON string in its place."""

MARK = "@@damaged@@"
"""Stands in a test's text where the damage goes."""

BOM = b"\xef\xbb\xbf"

DAMAGES = {
    "high_surrogate": b"\\ud83d",
    "low_surrogate": b"\\uDE00",
    "swapped_pair": b"\\ude00\\ud83d",
    "surrogate_before_a_quote": b'\\ud83d\\"',
    "nul": b"\\u0000",
    "raw_nul": b"\x00",
    "raw_control": b"\x1b[31m",
    "cut_of_two": b"\xc3",
    "cut_of_three": "한".encode()[:2],
    "cut_of_four": "😀".encode()[:3],
    "stray_continuation": b"\x80",
    "surrogate_in_utf8": b"\xed\xa0\xbd",
    "overlong": b"\xc0\xaf",
    "euc_kr": "도자기".encode("euc-kr"),
    "cp949": "뷁똠".encode("cp949"),
    "latin_1": "é".encode("latin-1"),
}
