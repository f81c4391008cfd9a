"""Addresses of the network, however they are written: what is compared, counted and kept is the address, not the text."""

from ipaddress import ip_address


def address_in(text: str) -> str | None:
    """The address in one spelling; None where there is none.

    Balancers write a port behind it (`192.0.2.1:5000`, `[2001:db8::1]:5000`), some quotes around it (RFC 7239 §6), and a socket
    that listens to both versions writes IPv4 as `::ffff:192.0.2.1`. A zone (`%eth0`) is none of the address.
    """
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
