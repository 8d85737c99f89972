"""Scans an emulated SunSpec meter with pysunspec2, which finds the models by itself and knows what their points mean.

Takes one argument, JSON: {"meter": "127.0.0.1:5020"}. Prints the models it found and the watts as one JSON line.
"""

import json
import sys

from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP


def main():
    host, port = json.loads(sys.argv[1])["meter"].rsplit(":", 1)
    device = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr=host, ipport=int(port), timeout=2)
    device.scan()
    meter = next(device.models[number][0] for number in (201, 202, 203, 204) if number in device.models)
    common = device.models[1][0]
    print(json.dumps({
        "models": [number for number in device.models if isinstance(number, int)],
        "maker": common.Mn.value,
        "watts": meter.W.cvalue,
        "amperes": meter.A.cvalue,
    }))
    device.close()


if __name__ == "__main__":
    main()
