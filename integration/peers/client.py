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
# Acuvim II, function 3, float32 high word first: the block that the meter refreshes every 100 ms, and the 1 s block.
ACUVIM_HZ, ACUVIM_W, ACUVIM_SLOW_HZ, ACUVIM_SLOW_W = 12288, 12322, 16384, 16418
# Schneider PM5xxx, function 3, float32 high word first: total active power in kW, frequency.
PM5_KW, PM5_HZ = 3059, 3109
# NETIO PowerPDU, 0-based: coils of outlets 1-8 (functions 1, 5, 15), inputs (function 4): Hz x 100, V x 10, W.
NETIO_COIL, NETIO_HZ, NETIO_VOLT, NETIO_W_TOTAL, NETIO_W = 101, 0, 1, 200, 201
# GUDE, 0-based: coil n is port n + 1; inputs are signed 32 bit, high word first, one block of 0x120 for each port.
GUDE_PORT, GUDE_STRIDE, GUDE_W = 0x3A00, 0x120, 2
# Longest wait for outlets to draw after they were switched on (miners boot), and to be dark after they were switched off.
ON_S, OFF_S, ROUNDS = 90.0, 5.0, 15


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
    return pdu.words(4, NETIO_W, OUTLETS)


def gude_watts(pdu):
    kind = pdu.client.DATATYPE.INT32
    blocks = [pdu.words(4, GUDE_PORT + n * GUDE_STRIDE + GUDE_W, 2) for n in range(OUTLETS)]
    return [pdu.client.convert_from_registers(block, kind, word_order="big") for block in blocks]


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


def meters(site, poi, hall, house):
    for meter, address in ((poi, ACUVIM_HZ), (poi, ACUVIM_SLOW_HZ), (hall, ACUVIM_HZ), (house, PM5_HZ)):
        hertz = meter.float32(address)
        check(45 < hertz < 65, f"{meter.name}: {hertz} Hz at {address}")
    hall_w, house_w = hall.float32(ACUVIM_W), house.float32(PM5_KW) * 1000
    check(0 <= hall_w <= 1.1 * site["hall_w"], f"hall: {hall_w} W, nameplate {site['hall_w']} W")
    check(0 < house_w <= 1.1 * site["house_w"], f"house: {house_w} W, nameplate {site['house_w']} W")
    slow = poi.float32(ACUVIM_SLOW_W)
    check(slow > 0, f"poi: {slow} W in the slow block")
    return {"hall_w": round(hall_w), "house_w": round(house_w), "poi_slow_w": round(slow)}


def balance(site, poi, hall, house, netio, gude):
    """Every watt adds up: what the POI meter shows is what the meters and PDUs behind it show."""
    off = []
    for _ in range(ROUNDS):
        parts = hall.float32(ACUVIM_W) + house.float32(PM5_KW) * 1000 + sum(netio_watts(netio)) + sum(gude_watts(gude))
        import_w = poi.float32(ACUVIM_W)
        off.append(abs(import_w - parts) / import_w)
        time.sleep(0.1)
    share = statistics.median(off)
    check(share <= site["noise"], f"poi differs from the sum of its parts by {share:.4f}, meters allow {site['noise']}")
    return {"unbalanced": round(share, 5)}


def all_draw(site):
    return lambda watts: all(0.7 * site["outlet_w"] <= w <= 1.2 * site["outlet_w"] for w in watts)


def dark_alone(site, outlet):
    return lambda watts: watts[outlet] < 0.01 * site["outlet_w"] and sum(w > 0.5 * site["outlet_w"] for w in watts) == 7


def switch_netio(site, pdu):
    """All outlets at once by function 15; then again with the third off."""
    hertz, decivolts = pdu.words(4, NETIO_HZ, 2)
    check(4500 < hertz < 6500, f"netio: frequency word {hertz}")
    check(900 < decivolts < 4500, f"netio: voltage word {decivolts}")
    pdu.write_coils(NETIO_COIL, [True] * OUTLETS)
    check(pdu.coils(NETIO_COIL) == [True] * OUTLETS, "netio: coils are not on after function 15")
    _, on_s = until(ON_S, lambda: netio_watts(pdu), all_draw(site), "netio: outlets do not draw")
    total = pdu.words(4, NETIO_W_TOTAL, 1)[0]
    parts = sum(netio_watts(pdu))
    check(abs(total - parts) <= 0.05 * parts, f"netio: total {total} W, outlets together {parts} W")
    wanted = [n != 2 for n in range(OUTLETS)]
    pdu.write_coils(NETIO_COIL, wanted)
    until(OFF_S, lambda: pdu.coils(NETIO_COIL), lambda seen: seen == wanted, "netio: coil 103 is not off")
    state = until(OFF_S, lambda: pdu.words(3, NETIO_COIL, OUTLETS), lambda s: s == [int(w) for w in wanted], "netio: state")
    check(len(state[0]) == OUTLETS, "netio: holding registers do not mirror the coils")
    _, off_s = until(OFF_S, lambda: netio_watts(pdu), dark_alone(site, 2), "netio: outlet 3 is not dark alone")
    return {"netio_on_s": on_s, "netio_off_s": off_s}


def switch_gude(site, pdu):
    """Port by port by function 5; then the fifth off."""
    for port in range(OUTLETS):
        pdu.write_coil(port, True)
    check(pdu.coils(0) == [True] * OUTLETS, "gude: coils are not on after function 5")
    _, on_s = until(ON_S, lambda: gude_watts(pdu), all_draw(site), "gude: ports do not draw")
    pdu.write_coil(4, False)
    until(OFF_S, lambda: pdu.coils(0), lambda seen: seen == [n != 4 for n in range(OUTLETS)], "gude: coil 4 is not off")
    _, off_s = until(OFF_S, lambda: gude_watts(pdu), dark_alone(site, 4), "gude: port 5 is not dark alone")
    return {"gude_on_s": on_s, "gude_off_s": off_s}


def main():
    site = json.loads(sys.argv[1])
    poi, hall, house, netio, gude = (Device(name, site[name]) for name in ("poi", "hall", "house", "netio", "gude"))
    seen = meters(site, poi, hall, house)
    seen |= switch_netio(site, netio) | switch_gude(site, gude)
    seen |= balance(site, poi, hall, house, netio, gude)
    print(json.dumps(seen))


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"client.py: {wrong}")
