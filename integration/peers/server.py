"""A small site behind pymodbus servers, for the real controller to read and switch.

Register maps are written from the vendors' documents, not from the project's device files. Wire addresses count from 0.
Takes one argument, the site as JSON: {"poi": "127.0.0.1:5020", "hall": .., "house": .., "netio": .., "gude": .., "sun": .., "gateway": ..,
"outlet_w": .., "house_w": .., "hall_w": [before, after], "hall_step_w": .., "hall_slew_w_s": .., "rise_at_s": ..}.
The hall rises once, a fixed time after the first request: by a step, then on its slew. Prints `ready`, serves until its
standard input ends, then prints its log as JSON lines: every switch, the rise, and a summary of what was drawn.
"""

import asyncio
import json
import struct
import sys
import time

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

OUTLETS = 8
# From a coil to the power: an outlet is dark after 60 ms, a miner draws after 200 ms.
OFF_S, ON_S = 0.06, 0.2
SAMPLE_S = 0.01


class Plant:
    """Outlets and a hall on one busbar. Power is a function of time and of what was switched when."""

    def __init__(self, site):
        self.site = site
        self.started = None
        self.switched = {(pdu, n): (False, -10.0) for pdu in ("netio", "gude") for n in range(OUTLETS)}
        self.log = []
        self.reads = {}
        self.peak_w = 0.0
        self.peak_outlets = 0

    def now(self):
        if self.started is None:
            self.started = time.monotonic()
        return time.monotonic() - self.started

    def note(self, **line):
        self.log.append({"t": round(self.now(), 4), **line})

    def on(self, pdu, n):
        return self.switched[pdu, n][0]

    def switch(self, pdu, n, on):
        if self.on(pdu, n) != on:
            self.switched[pdu, n] = (on, self.now())
            self.note(switch=f"{pdu}:{n + 1}", on=on, hall_w=round(self.hall()))

    def outlet(self, pdu, n):
        on, since = self.switched[pdu, n]
        changed = self.now() - since >= (ON_S if on else OFF_S)
        return float(self.site["outlet_w"]) if on == changed else 0.0

    def pdu(self, pdu):
        return [self.outlet(pdu, n) for n in range(OUTLETS)]

    def hall(self):
        before, after = self.site["hall_w"]
        rising = self.now() - self.site["rise_at_s"]
        if rising < 0:
            return float(before)
        return float(min(after, before + self.site["hall_step_w"] + self.site["hall_slew_w_s"] * rising))

    def house(self):
        return float(self.site["house_w"])

    def poi(self):
        return self.hall() + self.house() + sum(self.pdu("netio")) + sum(self.pdu("gude"))

    async def watch(self):
        """Samples what is drawn, whoever asks or not."""
        risen = False
        while True:
            await asyncio.sleep(SAMPLE_S)
            if self.started is None:
                continue
            if not risen and self.now() >= self.site["rise_at_s"]:
                risen = True
                self.note(rise=True, outlets_on=self.outlets_on())
            self.peak_w = max(self.peak_w, self.poi())
            self.peak_outlets = max(self.peak_outlets, self.outlets_on())

    def outlets_on(self):
        return sum(on for on, _ in self.switched.values())


def float32(value):
    return list(struct.unpack(">HH", struct.pack(">f", value)))


def int32(value):
    return list(struct.unpack(">HH", struct.pack(">i", round(value))))


def acuvim(watts):
    def words():
        volts = {12288: float32(50.0), 12290: float32(230.0), 16384: float32(50.0), 16386: float32(230.0)}
        return volts | {12322: float32(watts()), 16418: float32(watts())}

    return words


def pm5xxx(watts):
    return lambda: {2999: float32(100.0), 3019: float32(400.0), 3059: float32(watts() / 1000.0), 3109: float32(50.0)}


def sunspec203(watts):
    """The marker, the common model of 66 registers, model 203 of 105; W at offset 18 in tens of watts, its power of ten at 22."""

    def words():
        at = 40070
        head = {40000: [0x5375, 0x6E53], 40002: [1, 66], at: [203, 105], at + 107: [0xFFFF, 0]}
        return head | {at + 18: [round(watts() / 10) & 0xFFFF], at + 22: [1]}

    return words


def netio_inputs(plant):
    def words():
        watts = [round(w) for w in plant.pdu("netio")]
        amps = [round(w / 230 * 1000) % 65536 for w in watts]
        return {0: [5000, 2300, 990], 100: [min(sum(amps), 65535), *amps], 200: [sum(watts), *watts]}

    return words


def gude_inputs(plant):
    def words():
        watts = plant.pdu("gude")
        lines = {0x400 + 2: int32(sum(watts)), 0x400 + 4: int32(230), 0x400 + 8: int32(5000)}
        return lines | {0x3A00 + n * 0x120 + 2: int32(w) for n, w in enumerate(watts)}

    return words


def device(plant, name, holding=None, inputs=None, coil=None, unit=0):
    """One device, of any unit or of this one: tables are filled at the moment they are read, and a write to a coil switches the plant."""

    async def asked(function, start, address, count, registers, values):
        plant.now()
        plant.reads[name] = plant.reads.get(name, 0) + 1
        if function in (5, 15) and values is not None:  # function 5 reads its coil back by its own number
            return write(function, address, values)
        if function == 6 and values is not None:
            if not 101 <= address <= 108 or values[0] not in (0, 1):
                return ExcCodes.ILLEGAL_VALUE
            plant.switch(name, address - 101, values[0] == 1)
            return None
        if function in (1, 5):
            for n in range(OUTLETS):
                word, bit = divmod(coil + n, 16)
                on = plant.on(name, n)
                registers[word - start] = (registers[word - start] & ~(1 << bit)) | (int(on) << bit)
            return None
        table = {3: holding, 6: holding, 4: inputs}.get(function)
        for at, words in (table() if table else {}).items():
            registers[at - start : at - start + len(words)] = words
        return None

    def write(function, address, values):
        first = address - coil
        if name == "netio" and function == 15 and (first != 0 or len(values) != OUTLETS):
            return ExcCodes.ILLEGAL_VALUE  # the vendor: all outlets or none
        if first < 0 or first + len(values) > OUTLETS:
            return ExcCodes.ILLEGAL_ADDRESS
        for n, on in enumerate(values):
            plant.switch(name, first + n, bool(on))
        return None

    def table(*ranges):
        return [SimData(at, count=count, values=0, datatype=DataType.REGISTERS) for at, count in ranges]

    bits = [SimData(coil if coil is not None else 0, values=[False] * OUTLETS, datatype=DataType.BITS)]
    nothing = [SimData(0, count=1, values=False, datatype=DataType.BITS)]
    maps = {
        "netio": (table((0, 3), (101, 8), (201, 8)), table((0, 3), (100, 9), (200, 9), (300, 18))),
        "gude": (table((0, 1)), table((0x400, 0x240), (0x3A00, 0x4800))),
        "sun": (table((40000, 180)), table((0, 1))),
        "house": (table((2699, 4), (2999, 250)), table((0, 1))),
    }
    registers, input_words = maps.get(name, (table((12288, 60), (16384, 80)), table((0, 1))))
    return SimDevice(unit, simdata=(bits, nothing, registers, input_words), action=asked)


def netio_states(plant):
    return lambda: {101: [int(plant.on("netio", n)) for n in range(OUTLETS)]}


async def main():
    site = json.loads(sys.argv[1])
    plant = Plant(site)
    devices = {
        "poi": device(plant, "poi", holding=acuvim(plant.poi)),
        "hall": device(plant, "hall", holding=acuvim(plant.hall)),
        "house": device(plant, "house", holding=pm5xxx(plant.house)),
        "sun": device(plant, "sun", holding=sunspec203(plant.house)),
        "netio": device(plant, "netio", holding=netio_states(plant), inputs=netio_inputs(plant), coil=101),
        "gude": device(plant, "gude", inputs=gude_inputs(plant), coil=0),
    }
    # The same house meter and PDUs once more, behind one address and told apart by their unit ids.
    devices["gateway"] = [
        device(plant, "house", holding=pm5xxx(plant.house), unit=4),
        device(plant, "netio", holding=netio_states(plant), inputs=netio_inputs(plant), coil=101, unit=9),
        device(plant, "gude", inputs=gude_inputs(plant), coil=0, unit=10),
    ]
    for name, served in devices.items():
        host, port = site[name].rsplit(":", 1)
        await ModbusTcpServer(served, address=(host, int(port))).serve_forever(background=True)
    watching = asyncio.create_task(plant.watch())
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    watching.cancel()
    plant.note(summary=True, peak_w=round(plant.peak_w), peak_outlets=plant.peak_outlets, reads=plant.reads)
    for line in plant.log:
        print(json.dumps(line))


if __name__ == "__main__":
    asyncio.run(main())
