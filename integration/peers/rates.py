"""Rates that nobody has seen, made by chance from real ones, billed by NREL's SSC and by ballast.

Argument: {"shared": FOLDER, "ballast": FILE, "folder": EMPTY FOLDER, "seed": N, "count": N, "scale": TEXT}. The rates and the translation to SSC's inputs are those of
the folder beside the project. Prints {"agreed": N, "refused": N, "both_refused": N, "wrong": [[rate, what]...]}.
"""
import copy
import glob
import json
import os
import random
import subprocess
import sys

asked = json.loads(sys.argv[1])
sys.path.insert(0, asked["shared"])
import pysam_referee as referee  # noqa: E402

chance = random.Random(asked["seed"])
load_file = os.path.join(asked["shared"], "loads", "load60_seasonal.csv")
load, per_hour = referee.read_load(load_file)
load = [row * float(asked["scale"]) for row in load]
rates = []
for path in sorted(glob.glob(os.path.join(asked["shared"], "urdb", "*.json"))):
    with open(path) as file:
        rates.append(referee.find_rate(json.load(file)))


def of(field):
    return [rate for rate in rates if rate.get(field)]


def periods(rate):
    return rate.get("energyratestructure") or []


def ratchet(rate):
    rate["lookbackpercent"] = chance.choice([0.3, 0.5, 0.8, 1, 0.005])
    rate["lookbackrange"] = chance.choice([0, 0, 11, 11, 3])
    rate["lookbackmonths"] = chance.choice([None, [chance.random() < 0.4 for _ in range(12)], [True] * 12, []])


def old_ratchet(rate):
    rate["demandratchetpercentage"] = chance.choice([[0.5] * 12, [35] * 12, 80, [0] * 12])


def flat(rate):
    other = copy.deepcopy(chance.choice(of("flatdemandstructure")))
    rate["flatdemandstructure"], rate["flatdemandmonths"] = other["flatdemandstructure"], other["flatdemandmonths"]


def time_of_use(rate):
    other = copy.deepcopy(chance.choice(of("demandratestructure")))
    for field in ("demandratestructure", "demandweekdayschedule", "demandweekendschedule"):
        rate[field] = other[field]


def seasons(rate):
    if rate.get("flatdemandstructure"):
        rate["flatdemandmonths"] = [chance.randrange(len(rate["flatdemandstructure"])) for _ in range(12)]


def minimum(rate):
    rate["mincharge"] = chance.choice([10, 5000, 100000])
    rate["minchargeunits"] = chance.choice(["$/month", "$/day", "$/year"])


def fixed(rate):
    rate["fixedchargefirstmeter"] = chance.choice([0, 12.5, 99])
    rate["fixedchargeunits"] = chance.choice(["$/month", "$/day", "$/year"])


def price(rate):
    if periods(rate):
        chance.choice(chance.choice(periods(rate)))["rate"] = chance.choice([-0.02, 0.1, 0.00001, 0])


def units(rate):
    unit, tops = chance.choice([("kWh", 9000), ("kWh/kW", 100), ("kWh daily", 900), ("kWh/kW daily", 4)])
    for period in periods(rate):
        for at, tier in enumerate(period):
            tier["unit"] = unit
            if at + 1 < len(period):
                tier["max"] = tops * (at + 1)


def some_units(rate):
    for period in periods(rate):
        for tier in period:
            if chance.random() < 0.3:
                tier.pop("unit", None)


def hours(rate):
    for field in ("energyweekdayschedule", "energyweekendschedule"):
        if periods(rate):
            rate[field] = [[chance.randrange(len(periods(rate))) for _ in range(24)] for _ in range(12)]


def steps(rate):
    low, high = sorted(chance.sample([100, 1000, 20000, 300000, 900000], 2))
    if periods(rate):
        rate["energyratestructure"] = [
            [
                {"rate": chance.random() * 0.1, "max": low, "unit": "kWh"},
                {"rate": chance.random() * 0.1, "max": high},
                {"rate": chance.random() * 0.1, "adj": 0.001},
            ]
            for _ in periods(rate)
        ]


def closed(rate):
    if periods(rate):
        chance.choice(periods(rate))[-1]["max"] = chance.choice([100, 5000, 1e6])


def demand_steps(rate):
    for period in rate.get("demandratestructure") or []:
        period[-1]["max"] = 900
        period.append({"rate": chance.choice([1, 7.7])})


CHANGES = [
    ratchet, old_ratchet, flat, time_of_use, seasons, minimum, fixed, price, units, some_units, hours, steps, closed, demand_steps,
]

made = []
for number in range(asked["count"]):
    rate = copy.deepcopy(chance.choice(rates))
    for _ in range(chance.randint(1, 4)):
        chance.choice(CHANGES)(rate)
    made.append(rate)
    with open(os.path.join(asked["folder"], f"{number:05}.json"), "w") as file:
        json.dump(rate, file)
command = [asked["ballast"], "tariff", "referee", "--meter", load_file, "--scale", asked["scale"], asked["folder"]]
lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
assert len(lines) == len(made), f"{len(lines)} lines for {len(made)} rates"

told = {"agreed": 0, "refused": 0, "both_refused": 0, "wrong": []}
for number, (rate, line) in enumerate(zip(made, lines)):
    ours = json.loads(line)
    try:
        inputs, _ = referee.convert(copy.deepcopy(rate), "same", load, per_hour)
        theirs = referee.run_ssc(inputs, load)
    except Exception as error:  # SSC's own refusals come as exceptions of many kinds
        if ours["refused"]:
            told["both_refused"] += 1
        else:
            told["wrong"].append([number, f"billed, and SSC says: {error}"])
        continue
    if ours["refused"]:
        told["refused"] += 1
        continue
    worst = max(abs(a - b) for a, b in zip(ours["total"], theirs["total"]))
    if worst < 0.005:
        told["agreed"] += 1
    else:
        told["wrong"].append([number, f"a month differs by {worst} USD"])
print(json.dumps(told))
