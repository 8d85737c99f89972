"""Identifies, reads, stops, resumes and limits emulated miners with four clients that nobody here wrote, each on a miner of its own.

What a client is told by a miner is not believed: the watts of all of them together are also read from the PDU, with pymodbus. Takes one
argument, JSON: {"pdu": "127.71.0.1:5020", "outlet_w": 3500, "rate_th": 200, "asleep_w": 40, "noise": share, "miners": [{"client": "pyasic",
"unit": 1, "ip": .., "identity": [make, model, firmware]}, ..]}. Prints what it saw as one JSON line; ends with 1 and a sentence at the first thing wrong.
"""

import asyncio
import json
import os
import socket
import sys
import time
import urllib.request
import warnings

warnings.filterwarnings("ignore")

import pyasic  # noqa: E402
import pyasic_rs  # noqa: E402
from luxos.syncops import execute_command  # noqa: E402
from pymodbus.client import ModbusTcpClient  # noqa: E402
from whatsminer import WhatsminerAccessToken, WhatsminerAPI  # noqa: E402

# NETIO PowerPDU: coils of outlets 1-8 (function 15, always all), input word (function 4): total W.
OUTLETS, COIL, WATTS = 8, 101, 200
RPC, LIMIT_W, PATIENCE_S = 4028, 2500, 30.0


def check(holds, sentence):
    if not holds:
        sys.exit(f"miners.py: {sentence}")


async def until(seen, holds, sentence):
    """Reads until it holds; what was seen last."""
    end = time.monotonic() + PATIENCE_S
    while True:
        last = await seen()
        if holds(last):
            return last
        check(time.monotonic() < end, f"{sentence} within {PATIENCE_S} s: {last}")
        await asyncio.sleep(0.1)


class Pyasic:
    """Never call its open_api(): it posts to a server outside."""

    def __init__(self, miner):
        self.ip, self.stock = miner["ip"], miner["identity"][2] == "Stock" and miner["identity"][1] == "S21"

    async def identity(self):
        self.miner = await pyasic.get_miner(self.ip)
        check(self.miner is not None, f"pyasic sees no miner at {self.ip}")
        data = await self.miner.get_data()
        return [data.make, data.model, data.firmware]

    async def reads(self):
        # get_data() and not get_hashrate(): of LuxOS the latter is nothing before the boards are asked. is_mining is not looked at: it
        # stays true for LuxOS and for WhatsMiner's version 3.
        data = await self.miner.get_data()
        rate = float(data.hashrate) if data.hashrate is not None else 0.0
        # Of a stock S21 it never reads the watts: here they are asked at the port that tells nothing else.
        return (await asyncio.to_thread(power_port, self.ip) if self.stock else data.wattage), rate

    async def stop(self):
        return await self.miner.stop_mining()

    async def resume(self):
        return await self.miner.resume_mining()

    async def limit(self):
        if self.stock:
            return None  # a stock Antminer has none
        check(await self.miner.set_power_limit(LIMIT_W), "pyasic: the limit was not taken")
        return (await self.miner.get_data()).wattage_limit


def power_port(ip):
    with urllib.request.urlopen(f"http://{ip}:6060/miner_power", timeout=5) as answer:
        return int(answer.read().decode().removeprefix("miner power:"))


class AsicRs:
    def __init__(self, miner):
        self.ip = miner["ip"]

    async def identity(self):
        self.miner = await pyasic_rs.MinerFactory().get_miner(self.ip)
        check(self.miner is not None, f"asic-rs sees no miner at {self.ip}")
        info = (await self.miner.get_data()).device_info
        return [info.make, info.model, info.firmware]

    async def reads(self):
        # is_mining is not looked at: it is always true for LuxOS.
        rate = await self.miner.get_hashrate()
        return await self.miner.get_wattage(), rate.value if rate is not None else 0.0

    async def stop(self):
        # True of WhatsMiner's version 2 whatever it answered, so only the watts count. Asleep already, LuxOS makes this an error.
        return await self.miner.pause()

    async def resume(self):
        return await self.miner.resume()

    async def limit(self):
        # It has none for LuxOS, which has profiles, and for a stock Antminer.
        if not self.miner.supports_set_power_limit:
            return None
        check(await self.miner.set_power_limit(float(LIMIT_W)), "asic-rs: the limit was not taken")
        target = await self.miner.get_tuning_target()
        return float(str(target).split("watts=")[1].rstrip(")"))


class Luxos:
    """Luxor's own; it logs on and off by itself."""

    def __init__(self, miner):
        self.ip = miner["ip"]

    async def ask(self, command, parameters=None):
        return await asyncio.to_thread(execute_command, self.ip, RPC, 3.0, command, parameters)

    async def identity(self):
        version = (await self.ask("version"))["VERSION"][0]
        check(version["LUXminer"].startswith("2025.10"), f"luxos: {version}")
        return ["", version["Type"], "LuxOS"]

    async def reads(self):
        watts = (await self.ask("power"))["POWER"][0]["Watts"]
        return watts, (await self.ask("summary"))["SUMMARY"][0]["GHS 5s"] / 1000

    async def stop(self):
        return (await self.ask("curtail", ["sleep"]))["STATUS"][0]["Code"] == 335

    async def resume(self):
        return (await self.ask("curtail", ["wakeup"]))["STATUS"][0]["Code"] == 335

    async def limit(self):
        # The automatic tuner would move the profile back.
        await self.ask("atmset", ["enabled=false"])
        profiles = (await self.ask("profiles"))["PROFILES"]
        best = max((row for row in profiles if row["Watts"] <= LIMIT_W), key=lambda row: row["Watts"])
        await self.ask("profileset", [best["Profile Name"]])
        config = (await self.ask("config"))["CONFIG"][0]
        check(config["Profile"] == best["Profile Name"], f"luxos: profile {config['Profile']}, set was {best}")
        return best["Watts"]


class Whatsminer:
    """Version 2 of the interface alone."""

    def __init__(self, miner):
        self.token = WhatsminerAccessToken(ip_address=miner["ip"])

    async def ask(self, command):
        return await asyncio.to_thread(WhatsminerAPI.get_read_only_info, access_token=self.token, cmd=command)

    async def tell(self, command, more):
        answer = await asyncio.to_thread(
            WhatsminerAPI.exec_command, access_token=self.token, cmd=command, additional_params=more
        )
        return answer["STATUS"] == "S"

    async def identity(self):
        details, version = await self.ask("devdetails"), await self.ask("get_version")
        check(version["Msg"]["fw_ver"] < "20241101", f"whatsminer: {version}")
        await asyncio.to_thread(self.token.enable_write_access, admin_password="admin")
        return ["", details["DEVDETAILS"][0]["Model"], "WhatsMiner"]

    async def reads(self):
        summary = (await self.ask("summary"))["SUMMARY"][0]
        return summary["Power"], summary["HS RT"] / 1e6

    async def stop(self):
        done = await self.tell("power_off", {"respbefore": "true"})
        check((await self.ask("status"))["Msg"]["mineroff"] == "true", "whatsminer: off, and not off by its status")
        return done

    async def resume(self):
        return await self.tell("power_on", None)

    async def limit(self):
        await self.tell("adjust_power_limit", {"power_limit": str(LIMIT_W)})
        return (await self.ask("summary"))["SUMMARY"][0]["Power Limit"]


CLIENTS = {"pyasic": Pyasic, "asic-rs": AsicRs, "luxos": Luxos, "whatsminer": Whatsminer}


class Site:
    def __init__(self, site):
        self.site, self.miners = site, site["miners"]
        self.clients = [CLIENTS[miner["client"]](miner) for miner in self.miners]
        host, port = site["pdu"].rsplit(":", 1)
        self.pdu = ModbusTcpClient(host, port=int(port), timeout=2, retries=0)
        check(self.pdu.connect(), f"no connection to the pdu at {site['pdu']}")

    def pdu_watts(self):
        answer = self.pdu.read_input_registers(WATTS, count=1, device_id=1)
        check(not answer.isError(), f"pdu: {answer}")
        return answer.registers[0]

    async def each(self, what):
        return await asyncio.gather(*(what(client) for client in self.clients))

    async def switched_on(self):
        units = [miner["unit"] - 1 for miner in self.miners]
        answer = self.pdu.write_coils(COIL, [n in units for n in range(OUTLETS)], device_id=1)
        check(not answer.isError(), f"pdu: {answer}")
        for miner in self.miners:
            check(not answers(miner["ip"]), f"{miner['ip']} answers without power or before it has booted")
        for miner in self.miners:
            async def seen(ip=miner["ip"]):
                return answers(ip)
            await until(seen, lambda up: up, f"{miner['ip']} does not answer")

    async def until_each(self, holds, name):
        """Until each miner's own watts and hashrate are so; then those of the PDU must be what all say together."""
        async def settles(client, miner):
            return await until(client.reads, lambda read: read[0] is not None and holds(*read), f"{name}: {miner}")
        seen = await asyncio.gather(*map(settles, self.clients, self.miners))
        async def apart():
            said = sum([read[0] for read in await self.each(lambda client: client.reads())])
            return self.pdu_watts(), said
        close = self.site["noise"] * max(1.0, sum(read[0] for read in seen)) + len(seen)
        pdu, _ = await until(apart, lambda two: abs(two[0] - two[1]) <= close, f"{name}: PDU and miners disagree")
        return {"pdu_w": pdu, "miners": [[round(watts), round(rate, 1)] for watts, rate in seen]}

    def full(self, watts, rate):
        return watts >= 0.95 * self.site["outlet_w"] and 0.95 <= rate / self.site["rate_th"] <= 1.05

    def asleep(self, watts, rate):
        return 0 < watts <= self.site["asleep_w"] and rate < 0.01 * self.site["rate_th"]


def answers(ip):
    try:
        socket.create_connection((ip, RPC), timeout=1).close()
        return True
    except OSError:
        return False


async def main():
    site = Site(json.loads(sys.argv[1]))
    await site.switched_on()
    for identity, miner in zip(await site.each(lambda client: client.identity()), site.miners):
        said = [str(part) for part in identity]
        check(said == miner["identity"], f"{miner['client']} takes {miner['ip']} for {said}, not {miner['identity']}")
    seen = {"full": await site.until_each(site.full, "full")}
    check(all(await site.each(lambda client: client.stop())), "a stop was refused")
    seen["asleep"] = await site.until_each(site.asleep, "asleep")
    check(all(await site.each(lambda client: client.resume())), "a resume was refused")
    seen["again"] = await site.until_each(site.full, "full again")
    limits = await site.each(lambda client: client.limit())
    seen["limits"] = limits
    for client, miner, limit in zip(site.clients, site.miners, limits):
        if limit is not None:
            check(0.7 * LIMIT_W <= limit <= LIMIT_W, f"{miner['client']} reads a limit of {limit} W")
            await until(client.reads, lambda read: 0.95 * limit <= read[0] <= 1.01 * limit, f"{miner['client']}: {limit} W")
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
    # Threads of pyasic-rs that are still at it when the interpreter is taken down abort the process now and then.
    os._exit(0)
