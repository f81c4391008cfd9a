"""Typed calls of a Onetill server. `Onetill` is the client; `models` has the type of every body and answer."""

from onetill_client.client import Onetill
from onetill_client.sending import OnetillError, OnetillProblem, OnetillUnreachable

__all__ = ["Onetill", "OnetillError", "OnetillProblem", "OnetillUnreachable"]
