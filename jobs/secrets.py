"""No secret is shown: every text that a run tells passes here first.

A secret is known from the moment it is loaded in this process: a parameter of pydantic's SecretStr,
a variable of the environment whose name says so, the password in an address. It is masked in the
forms in which it turns up: as it is, quoted for an address, in base64.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "********"
# What an address carries behind its `?` under a name that says what it is: signed links, tokens.
_IN_QUERY = re.compile(
    r"([?&][\w.-]*(?:token|key|sig|signature|secret|passw|auth|credential)[\w.-]*=)[^&\s#\"']+",
    re.I,
)
_SHORTEST = 4  # below that a secret would mask half of every text
_OF_ENVIRONMENT = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|CREDENTIAL", re.I)
_IN_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)([^\s@/]+)(@)", re.I)


def storable(text: str) -> str:
    """A text as both databases keep it: without NUL, and without halves of characters."""
    if "\x00" in text:
        text = text.replace("\x00", "\\x00")
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Masker:
    """Masks what it knows to be secret."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, *secrets: str) -> None:
        """Know of some secrets from now on."""
        before = len(self._known)
        for secret in secrets:
            # Of several lines each is told by itself.
            for part in {secret, *(line for line in secret.splitlines() if len(line) >= 8)}:
                if len(part) >= _SHORTEST:
                    self._known.update(_forms(part))
        if len(self._known) != before:
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def learn_environment(self) -> None:
        """Know of the values of variables that are called like a secret, or hold a password."""
        for name, value in os.environ.items():
            if _OF_ENVIRONMENT.search(name) and len(value) >= 8:
                self.learn(value)
            self.learn(*(password for _, password, _ in _IN_ADDRESS.findall(value)))

    def mask(self, text: str) -> str:
        """The text with every secret replaced, fit for the store."""
        text = storable(text)
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        if "://" not in text:
            return text
        text = _IN_ADDRESS.sub(rf"\g<1>{MASK}\g<3>", text)
        return _IN_QUERY.sub(rf"\g<1>{MASK}", text)

    def masked(self, value: Any) -> Any:
        """A value of JSON with every text in it masked, keys too."""
        match value:
            case str():
                return self.mask(value)
            case list() | tuple():
                return [self.masked(item) for item in value]
            case dict():
                return {self.mask(str(k)): self.masked(v) for k, v in value.items()}
        return value

    def known(self) -> list[str]:
        """The secrets, for handing them to a process that must mask them too."""
        return sorted(self._known)


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    plain = secret.encode()
    for encoded in (base64.b64encode(plain), base64.urlsafe_b64encode(plain)):
        bare = encoded.decode().rstrip("=")
        if len(bare) >= 2 * _SHORTEST:
            yield bare
    escaped = repr(secret)[1:-1]
    if escaped != secret:
        yield escaped


masker = Masker()  # of this process
