"""Reads and switches an emulated site with pymodbus.

The addresses below were written from the vendors' documents, not from the project's device files: where the two
disagree, one of them is wrong. Wire addresses count from 0. Takes one argument, a site as JSON:
{"poi": "127.0.0.1:5020", "hall": .., "house": .., "netio": .., "gude": .., "hall_w": nameplate, "house_w": ..,
"outlet_w": .., "noise": share}. Prints what it saw as one JSON line; ends with 1 and a sentence at the first thing wrong.
"""

import json
import statistics
import sys
import time

from pymodbus.client import ModbusTcpClient

OUTLETS = 8
# Acuvim II, function 3, float32 high word first, in the block that the meter refreshes every 100 ms: total active power in W.
ACUVIM_W = 12322
# Schneider PM5xxx, function 3, float32 high word first: total active power in kW.
PM5_KW = 3059
# NETIO PowerPDU: coils of outlets 1-8 (functions 1, 5, 15; 15 always for all of them), input word (function 4): total W.
NETIO_COIL, NETIO_W = 101, 200
# GUDE Expert PDU: coil n is port n + 1 (functions 1, 5), input (function 4) signed 32 bit, high word first: W of line 1.
GUDE_COIL, GUDE_W = 0, 0x402
# Longest wait for outlets to draw after they were switched on (miners boot), and to be dark after they were switched off.
ON_S, OFF_S, ROUNDS = 90.0, 10.0, 15


class Wrong(Exception):
    """Something is not as the vendor's document says."""


def check(holds, sentence):
    if not holds:
        raise Wrong(sentence)


class Device:
    def __init__(self, name, address):
        host, port = address.rsplit(":", 1)
        self.name = name
        self.client = ModbusTcpClient(host, port=int(port), timeout=2, retries=0)
        check(self.client.connect(), f"{name}: no connection to {address}")

    def answered(self, answer, what):
        check(not answer.isError(), f"{self.name}: {what}: {answer}")
        return answer

    def words(self, function, address, count):
        call = {3: self.client.read_holding_registers, 4: self.client.read_input_registers}[function]
        answer = self.answered(call(address, count=count, device_id=1), f"function {function} at {address}")
        check(len(answer.registers) == count, f"{self.name}: asked {count} words, got {len(answer.registers)}")
        return answer.registers

    def float32(self, address):
        kind = self.client.DATATYPE.FLOAT32
        return self.client.convert_from_registers(self.words(3, address, 2), kind, word_order="big")

    def coils(self, address):
        return self.answered(self.client.read_coils(address, count=OUTLETS, device_id=1), "function 1").bits[:OUTLETS]

    def write_coils(self, address, values):
        self.answered(self.client.write_coils(address, values, device_id=1), f"function 15 at {address}")

    def write_coil(self, address, value):
        self.answered(self.client.write_coil(address, value, device_id=1), f"function 5 at {address}")


def netio_watts(pdu):
    return pdu.words(4, NETIO_W, 1)[0]


def gude_watts(pdu):
    return pdu.client.convert_from_registers(pdu.words(4, GUDE_W, 2), pdu.client.DATATYPE.INT32, word_order="big")


def until(limit_s, seen, holds, sentence):
    """Reads until it holds; what was seen last and how long it took."""
    start = time.monotonic()
    while True:
        last = seen()
        took = time.monotonic() - start
        if holds(last):
            return last, round(took, 2)
        check(took < limit_s, f"{sentence} within {limit_s} s: {last}")
        time.sleep(0.05)


def apart(watts):
    first = watts()
    time.sleep(1.5)
    return first, watts()


def meters(site, hall, house):
    hall_w, house_w = hall.float32(ACUVIM_W), house.float32(PM5_KW) * 1000
    check(0 <= hall_w <= 1.1 * site["hall_w"], f"hall: {hall_w} W, nameplate {site['hall_w']} W")
    check(0 < house_w <= 1.1 * site["house_w"], f"house: {house_w} W, nameplate {site['house_w']} W")
    return {"hall_w": round(hall_w), "house_w": round(house_w)}


def balance(site, poi, hall, house, netio, gude):
    """Every watt adds up: what the POI meter shows is what the meters and PDUs behind it show."""
    off = []
    for _ in range(ROUNDS):
        parts = hall.float32(ACUVIM_W) + house.float32(PM5_KW) * 1000 + netio_watts(netio) + gude_watts(gude)
        import_w = poi.float32(ACUVIM_W)
        off.append(abs(import_w - parts) / import_w)
        time.sleep(0.1)
    share = statistics.median(off)
    check(share <= site["noise"], f"poi differs from the sum of its parts by {share:.4f}, meters allow {site['noise']}")
    return {"unbalanced": round(share, 5)}


def follows(site, pdu, watts, coil, outlet):
    """With all outlets on, power is there; one coil off, and that outlet's power, no other's, is gone."""
    full = OUTLETS * site["outlet_w"]
    check(pdu.coils(coil) == [True] * OUTLETS, f"{pdu.name}: coils do not read on after they were written on")
    until(ON_S, watts, lambda w: 0.9 * full <= w <= 1.15 * full, f"{pdu.name}: eight outlets do not draw {full} W")
    # Miners ramp up for a while yet: one outlet less shows only once the others stand still.
    (_, before), on_s = until(ON_S, lambda: apart(watts), lambda two: abs(two[1] - two[0]) <= 0.01 * full, f"{pdu.name}: no rest")
    if pdu.name == "netio":
        pdu.write_coils(coil, [n != outlet for n in range(OUTLETS)])
    else:
        pdu.write_coil(coil + outlet, False)
    wanted = [n != outlet for n in range(OUTLETS)]
    until(OFF_S, lambda: pdu.coils(coil), lambda seen: seen == wanted, f"{pdu.name}: coil {coil + outlet} does not read off")
    gone = 0.7 * site["outlet_w"]
    watts_left, off_s = until(OFF_S, watts, lambda w: before - w >= gone, f"{pdu.name}: power of one outlet is not gone")
    check(before - watts_left <= 1.5 * site["outlet_w"], f"{pdu.name}: {before} W to {watts_left} W for one outlet")
    return {f"{pdu.name}_on_s": on_s, f"{pdu.name}_off_s": off_s}


def switch_netio(site, pdu):
    """All outlets at once by function 15, as the vendor demands, and not a part of them; then again with the third off."""
    part = pdu.client.write_coils(NETIO_COIL, [True, True], device_id=1)
    check(part.isError() and part.exception_code == 3, f"netio: two outlets of eight by function 15: {part}")
    pdu.write_coils(NETIO_COIL, [True] * OUTLETS)
    return follows(site, pdu, lambda: netio_watts(pdu), NETIO_COIL, 2)


def switch_gude(site, pdu):
    """Port by port by function 5; then the fifth off."""
    for port in range(OUTLETS):
        pdu.write_coil(GUDE_COIL + port, True)
    return follows(site, pdu, lambda: gude_watts(pdu), GUDE_COIL, 4)


def main():
    site = json.loads(sys.argv[1])
    poi, hall, house, netio, gude = (Device(name, site[name]) for name in ("poi", "hall", "house", "netio", "gude"))
    seen = meters(site, hall, house)
    seen |= switch_netio(site, netio) | switch_gude(site, gude)
    seen |= balance(site, poi, hall, house, netio, gude)
    print(json.dumps(seen))


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"client.py: {wrong}")
