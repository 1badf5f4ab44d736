"""Reads chains as JSON on stdin and prints what the verifier of `cryptography` makes of them."""

import base64
import datetime
import json
import sys

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError


def load(der):
    return x509.load_der_x509_certificate(base64.b64decode(der))


def attempt(verify):
    try:
        verify()
    except VerificationError as error:
        return f"VerificationError: {error}"
    return "ok"


def judge(case):
    leaf = load(case["leaf"])
    intermediates = [load(der) for der in case["intermediates"]]
    time = datetime.datetime.fromtimestamp(case["atMs"] / 1000, datetime.timezone.utc).replace(tzinfo=None)
    builder = PolicyBuilder().store(Store([load(der) for der in case["roots"]])).time(time)
    client = attempt(lambda: builder.build_client_verifier().verify(leaf, intermediates))
    server = "not asked"
    if case.get("dnsName"):
        subject = x509.DNSName(case["dnsName"])
        server = attempt(lambda: builder.build_server_verifier(subject).verify(leaf, intermediates))
    return {"name": case["name"], "client": client, "server": server}


json.dump([judge(case) for case in json.load(sys.stdin)], sys.stdout)
