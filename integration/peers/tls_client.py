"""Reads and switches an emulated NETIO PDU by TLS with pymodbus, and is refused where it should be.

Takes one argument, JSON: {"pdu": "127.0.0.1:5020", "ca": .., "ours": [certificate, key], "guest": [certificate, key],
"stranger": [certificate, key]}: ours has a role that may switch, the guest has none, the stranger is of another CA. Prints what it
saw as one JSON line; ends with 1 and a sentence at the first thing wrong.
"""

import contextlib
import json
import socket
import ssl
import sys
import time

from pymodbus.client import ModbusTlsClient

# NETIO PowerPDU: coils of outlets 1-8, function 15 for all of them; input word: total watts.
COIL, WATTS, OUTLETS = 101, 200, 8
WAIT_S = 90.0


def check(holds, sentence):
    if not holds:
        sys.exit(sentence)


def context_of(site, who):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # pymodbus names nobody to the context; that the certificate is of our CA is looked at all the same.
    context.check_hostname = False
    context.load_verify_locations(site["ca"])
    if who:
        context.load_cert_chain(*site[who])
    return context


def address(site):
    host, port = site["pdu"].rsplit(":", 1)
    return host, int(port)


@contextlib.contextmanager
def connected(site, who):
    """The PDU takes one client at a time, and notices a little later that the last one went."""
    host, port = address(site)
    end = time.monotonic() + WAIT_S
    while True:
        client = ModbusTlsClient(host, port=port, sslctx=context_of(site, who), timeout=2, retries=0)
        if client.connect():
            break
        check(time.monotonic() < end, f"no connection to {site['pdu']}")
        time.sleep(0.05)
    try:
        yield client
    finally:
        client.close()


def watts(client):
    answer = client.read_input_registers(WATTS, count=1, device_id=1)
    check(not answer.isError(), f"no watts: {answer}")
    return answer.registers[0]


def refused(site, who):
    """With TLS 1.3 the refusal comes with the first answer, and says why."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            with socket.create_connection(address(site), timeout=5) as plain:
                with context_of(site, who).wrap_socket(plain) as stream:
                    stream.settimeout(5)
                    check(not stream.recv(1), f"{who or 'nobody'} was answered")
        except ssl.SSLEOFError:
            pass  # the client before is not gone yet
        except ssl.SSLError as refusal:
            return refusal.reason
        check(time.monotonic() < end, f"{who or 'nobody'} was not told why")
        time.sleep(0.05)


def main():
    site = json.loads(sys.argv[1])
    with connected(site, "ours") as ours:
        version, cipher = ours.socket.version(), ours.socket.cipher()[0]
        answer = ours.write_coils(COIL, [True] * OUTLETS, device_id=1)
        check(not answer.isError(), f"switching was refused: {answer}")
        end = time.monotonic() + WAIT_S
        while watts(ours) < 5_000:
            check(time.monotonic() < end, "nothing draws")
            time.sleep(0.05)

    with connected(site, "guest") as guest:
        check(watts(guest) > 0, "who has no role reads nothing")
        answer = guest.write_coils(COIL, [False] * OUTLETS, device_id=1)
        check(answer.isError() and answer.exception_code == 1, f"who has no role switched: {answer}")
        bits = guest.read_coils(COIL, count=OUTLETS, device_id=1).bits[:OUTLETS]
        check(bits == [True] * OUTLETS, f"who has no role switched something: {bits}")

    turned_away = [refused(site, who) for who in (None, "stranger")]
    print(json.dumps({"version": version, "cipher": cipher, "refused": turned_away}))


if __name__ == "__main__":
    main()
