"""A workload on the packages spiffe and spiffe-tls; ../README.md lists its commands and answers."""

import base64
import json
import socket
import sys
import threading
import traceback

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import UniformResourceIdentifier
from cryptography.x509.oid import ExtensionOID
from OpenSSL import SSL
from spiffe import JwtSvid, SpiffeId, WorkloadApiClient, X509Source
from spiffetls import dial
from spiffetls.context import create_ssl_context
from spiffetls.tlsconfig.authorize import authorize_id

output = threading.Lock()


def report(event, **fields):
    with output:
        print(json.dumps({"event": event, **fields}), flush=True)


class Conversation:
    def __init__(self):
        self.client = WorkloadApiClient(default_timeout=10)
        self.source = None

    def fetch(self):
        report("fetched", ids=[str(svid.spiffe_id) for svid in self.client.fetch_x509_svids()])

    def open(self):
        self.source = X509Source(timeout_in_seconds=30)
        self.source.subscribe_for_updates(self.report_update)
        self.report_update()

    def report_update(self):
        svid = self.source.svid
        bundle = self.source.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
        leaf = base64.b64encode(svid.leaf.public_bytes(Encoding.DER)).decode()
        report("update", id=str(svid.spiffe_id), leaf=leaf, authorities=len(bundle.x509_authorities))

    def bundles(self):
        found = {}
        jwt = self.client.fetch_jwt_bundles()
        for bundle in self.client.fetch_x509_bundles().bundles:
            keys = jwt.get_bundle_for_trust_domain(bundle.trust_domain)
            counts = [len(bundle.x509_authorities), len(keys.jwt_authorities) if keys else 0]
            found[str(bundle.trust_domain)] = counts
        report("bundles", bundles=found)

    def jwt(self, audience):
        svid = self.client.fetch_jwt_svid(audience={audience})
        report("jwt", id=str(svid.spiffe_id), token=svid.token)

    def validate(self, audience, token):
        report("local", **verdict(lambda: self.validate_here(audience, token)))
        report("remote", **verdict(lambda: self.client.validate_jwt_svid(token, audience)))

    def validate_here(self, audience, token):
        unverified = JwtSvid.parse_insecure(token, {audience})
        bundle = self.client.fetch_jwt_bundles().get_bundle_for_trust_domain(unverified.spiffe_id.trust_domain)
        return JwtSvid.parse_and_validate(token, bundle, {audience})

    def serve(self, peer):
        listener = socket.create_server(("127.0.0.1", 0))
        host, port = listener.getsockname()
        report("listening", address=f"{host}:{port}")
        args = (listener, self.source, authorize_id(SpiffeId(peer)))
        threading.Thread(target=accept_for_ever, args=args, daemon=True).start()

    def call(self, address, peer):
        connection = dial(address, self.source, authorize_fn=authorize_id(SpiffeId(peer)))
        try:
            connection.sendall(b"hello\n")
            report("called", greeting=next(lines_of(connection)))
        finally:
            connection.close()


def accept_for_ever(listener, source, authorize):
    """Not by the package's own listen(): its context keeps the first SVID, since pyOpenSSL 26 lets no used one change."""
    while True:
        tcp, _ = listener.accept()
        connection = SSL.Connection(create_ssl_context(SSL.TLS_SERVER_METHOD, source, authorize), tcp)
        connection.set_accept_state()
        threading.Thread(target=greet, args=(connection,), daemon=True).start()


def greet(connection):
    """Answers each line with the SPIFFE ID of who sent it."""
    try:
        connection.do_handshake()
        peer = connection.get_peer_certificate(as_cryptography=True)
        names = peer.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
        [uri] = names.get_values_for_type(UniformResourceIdentifier)
        for _ in lines_of(connection):
            connection.sendall(f"hello {SpiffeId(uri)}\n".encode())
    except SSL.Error as error:
        report("turned-away", error=repr(error))
    finally:
        connection.close()


def lines_of(connection):
    kept = b""
    while True:
        try:
            more = connection.recv(4096)
        except SSL.ZeroReturnError:
            return
        if not more:
            return
        *lines, kept = (kept + more).split(b"\n")
        for line in lines:
            yield line.decode()


def verdict(judge):
    try:
        return {"id": str(judge().spiffe_id)}
    except Exception as error:
        return {"error": repr(error)}


def main():
    conversation = Conversation()
    report("ready")
    for line in sys.stdin:
        command, *words = line.split()
        try:
            getattr(conversation, command)(*words)
        except Exception as error:
            report("refused", error="".join(traceback.format_exception_only(error)).strip())


main()
