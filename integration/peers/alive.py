"""An output module behind a pymodbus server that wants a sign of life: holding register 300 must change every second.

Four outputs are coils from 16 on (function 5). When the register stood still for a second all outputs go off, and none can be switched on
until it changes again. Two discrete inputs say whether it tripped like that (0) and that it would (1). Takes one argument, {"address": "127.0.0.1:5020"}. Prints `ready`, serves until its standard input ends, then prints
one JSON line: how often it switched off by itself, and the words that it was written.
"""

import asyncio
import json
import sys
import time

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

COIL, OUTPUTS, ALIVE, WITHIN_S = 16, 4, 300, 1.0


class Module:
    def __init__(self):
        self.on = [False] * OUTPUTS
        self.word, self.words, self.heard, self.tripped = 0, [], None, 0

    def lives(self):
        return self.heard is not None and time.monotonic() - self.heard < WITHIN_S

    async def watch(self):
        while True:
            await asyncio.sleep(0.01)
            if any(self.on) and not self.lives():
                self.on = [False] * OUTPUTS
                self.tripped += 1

    async def asked(self, function, start, address, count, registers, values):
        if function == 6 and address == ALIVE and values is not None:
            self.words.append(values[0])
            if values[0] != self.word:
                self.word, self.heard = values[0], time.monotonic()
            return None
        if function == 5 and values is not None:
            if not self.lives():
                return ExcCodes.DEVICE_FAILURE
            self.on[address - COIL] = bool(values[0])
            return None
        if function == 2:
            registers[0] = int(self.tripped > 0) | 2
        if function in (1, 5):
            for n, on in enumerate(self.on):
                word, bit = divmod(COIL + n, 16)
                registers[word - start] = (registers[word - start] & ~(1 << bit)) | (int(on) << bit)
        return None


async def main():
    module = Module()
    coils = [SimData(COIL, values=[False] * OUTPUTS, datatype=DataType.BITS)]
    contacts = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    registers = [SimData(ALIVE, count=1, values=0, datatype=DataType.REGISTERS)]
    inputs = [SimData(0, count=1, values=0, datatype=DataType.REGISTERS)]
    device = SimDevice(0, simdata=(coils, contacts, registers, inputs), action=module.asked)
    host, port = json.loads(sys.argv[1])["address"].split(":")
    server = ModbusTcpServer(device, address=(host, int(port)))
    await server.serve_forever(background=True)
    watch = asyncio.create_task(module.watch())
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    watch.cancel()
    await server.shutdown()
    print(json.dumps({"tripped": module.tripped, "words": module.words}), flush=True)


asyncio.run(main())
