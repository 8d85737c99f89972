"""NETIO PDUs of the pymodbus site once more, each by TLS with a certificate of its own, for our driver to trust or not.

Takes one argument, JSON: {"site": the argument of server.py, "served": [{"address": "127.0.0.1:802", "ca": .., "certificate": .., "key": ..,
"version": "1.2" or "1.3", "plain": true where it speaks no TLS}]}. Without "ca" nobody is asked for a certificate. Prints
`ready`, serves until its standard input ends, then prints every switch as a JSON line, with the place of the PDU in the list.
"""

import asyncio
import json
import ssl
import sys

from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from server import Plant, device, netio_inputs, netio_states

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(served):
    it = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    it.load_cert_chain(served["certificate"], served["key"])
    it.minimum_version = it.maximum_version = VERSIONS[served.get("version", "1.3")]
    if "ca" in served:
        it.load_verify_locations(served["ca"])
        it.verify_mode = ssl.CERT_REQUIRED
    return it


async def main():
    asked = json.loads(sys.argv[1])
    plants = []
    for served in asked["served"]:
        plant = Plant(asked["site"])
        plants.append(plant)
        pdu = device(plant, "netio", holding=netio_states(plant), inputs=netio_inputs(plant), coil=101)
        host, port = served["address"].rsplit(":", 1)
        address = (host, int(port))
        server = ModbusTcpServer(pdu, address=address) if served.get("plain") else None
        server = server or ModbusTlsServer(pdu, address=address, sslctx=context(served))
        await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for at, plant in enumerate(plants):
        for line in plant.log:
            print(json.dumps({"at": at, **line}))


if __name__ == "__main__":
    asyncio.run(main())
