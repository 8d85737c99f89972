"""Logs in to an emulated mining container with pymodbus and hashlib, and switches sockets of two PDUs behind its one address.

Written from a public driver's description, not from the project's device files. Takes one argument, JSON:
{"gateway": "127.0.0.1:5020", "user": .., "password": ..}. Prints what it switched; ends with 1 and a sentence at the first thing wrong.
"""

import hashlib
import json
import struct
import sys
import time

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException

# Unit 1: four random words at 300; 32 bytes to 304. Socket n of PDU p: unit 8 + p, written at 308 - n, 1 on and 2 off, read at
# 44 + n, 1 on. Total power at 80 in hundredths of a kilowatt.
LOGIN, CHALLENGE, ANSWER = 1, 300, 304
POWER = 80
WAIT_S = 30.0


def check(holds, sentence):
    if not holds:
        sys.exit(sentence)


def connected(site):
    host, port = site["gateway"].rsplit(":", 1)
    client = ModbusTcpClient(host, port=int(port), timeout=1, retries=0)
    check(client.connect(), f"no connection to {site['gateway']}")
    return client


def digest(challenge, user, password):
    md5 = [hashlib.md5(text.encode()).digest() for text in (user, password)]
    answer = hashlib.sha256(struct.pack(">4H", *challenge) + md5[0] + md5[1]).digest()
    return list(struct.unpack(">16H", answer))


def log_in(client, user, password):
    challenge = client.read_holding_registers(CHALLENGE, count=4, device_id=LOGIN)
    check(not challenge.isError(), f"no challenge: {challenge}")
    return client.write_registers(ANSWER, digest(challenge.registers, user, password), device_id=LOGIN)


def words(client, unit, address, count):
    answer = client.read_holding_registers(address, count=count, device_id=unit)
    check(not answer.isError(), f"unit {unit}, {count} from {address}: {answer}")
    return answer.registers


def until(holds, sentence):
    end = time.monotonic() + WAIT_S
    while not holds():
        check(time.monotonic() < end, sentence)
        time.sleep(0.05)


def after(site, asks):
    """A gateway takes one connection; it lets the next one in once it has seen that the one before is over."""
    end = time.monotonic() + WAIT_S
    while True:
        client = connected(site)
        try:
            return client, asks(client)
        except (ConnectionError, ConnectionException):
            client.close()
            check(time.monotonic() < end, "the gateway takes no second connection")
            time.sleep(0.05)


def main():
    site = json.loads(sys.argv[1])
    stranger = connected(site)
    try:
        answer = stranger.write_register(308 - 3, 1, device_id=9)
        check(False, f"a write before the login was answered: {answer}")
    except ModbusIOException:
        pass
    stranger.close()

    client, answer = after(site, lambda client: log_in(client, site["user"], "wrong"))
    check(answer.isError(), "a wrong password was let in")
    answer = log_in(client, site["user"], site["password"])
    check(not answer.isError(), f"the login was refused: {answer}")
    switched = [(9, 3), (10, 8)]
    for unit, socket in switched:
        answer = client.write_register(308 - socket, 1, device_id=unit)
        check(not answer.isError(), f"socket {socket} of unit {unit}: {answer}")
        until(lambda u=unit, s=socket: words(client, u, 44 + s, 1) == [1], f"socket {socket} of unit {unit} stays off")
        until(lambda u=unit: words(client, u, POWER, 1)[0] > 300, f"unit {unit} draws less than 3 kW")
    for unit, socket in switched:
        check(not client.write_register(308 - socket, 2, device_id=unit).isError(), "switching off was refused")
        until(lambda u=unit: words(client, u, POWER, 1)[0] < 10, f"unit {unit} goes on drawing")
    print(json.dumps({"switched": switched}))


if __name__ == "__main__":
    main()
