//! What all that descends from cgminer's interface has in common: requests as JSON or text, several at once, and the envelope of answers.

use serde_json::{Map, Value, json};

use super::machine::{Machine, Says};

/// Most commands in one request; what comes behind them is not answered.
const AT_ONCE: usize = 16;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) command: String,
    pub(super) parameter: String,
    /// All of it, where it came as JSON.
    pub(super) whole: Value,
}

impl Asked {
    /// Whether this is whole, so that nothing more comes: the interface has no length and no end but these.
    pub(super) fn is_whole(bytes: &[u8]) -> bool {
        match bytes {
            [] => false,
            [.., 0 | b'\n'] => true,
            [b'{', ..] => serde_json::from_slice::<Value>(bytes).is_ok(),
            _ => true,
        }
    }

    /// From what came; nothing where that is no request.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim_matches(['\0', '\n', '\r', ' ']);
        if !text.starts_with('{') {
            let (command, parameter) = text.split_once('|').unwrap_or((text, ""));
            return Some(Self { command: command.into(), parameter: parameter.into(), whole: Value::Null });
        }
        let whole: Value = serde_json::from_str(text).ok()?;
        let command = whole.get("command").or_else(|| whole.get("cmd")).and_then(Value::as_str).unwrap_or_default();
        let parameter = match whole.get("parameter") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        Some(Self { command: command.into(), parameter, whole })
    }
}

/// An answer, before its envelope.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) success: bool,
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) section: Option<(&'static str, Value)>,
}

impl Told {
    pub(super) fn of(code: u32, message: &str, section: &'static str, value: Value) -> Self {
        Self { success: true, code, message: message.into(), section: Some((section, value)) }
    }

    pub(super) fn refused(code: u32, message: &str) -> Self {
        Self { success: false, code, message: message.into(), section: None }
    }

    pub(super) fn unknown() -> Self {
        Self::refused(14, "Invalid command")
    }
}

/// The answer to a request of one command or several, by what answers each.
pub(super) fn answer(machine: &Machine, description: &str, asked: &Asked, each: impl Fn(&Asked) -> Told) -> Value {
    let one = |asked: &Asked| enveloped(machine, description, each(asked));
    if !asked.command.contains('+') {
        let mut all = one(asked);
        all.insert("id".into(), json!(1));
        return Value::Object(all);
    }
    let several = asked.command.split('+').take(AT_ONCE).map(|command| {
        let asked = Asked { command: command.into(), ..asked.clone() };
        (command.to_owned(), json!([one(&asked)]))
    });
    let mut all: Map<String, Value> = several.collect();
    all.insert("id".into(), json!(1));
    Value::Object(all)
}

fn enveloped(machine: &Machine, description: &str, told: Told) -> Map<String, Value> {
    let status = json!([{
        "STATUS": if told.success { "S" } else { "E" },
        "When": machine.when(),
        "Code": told.code,
        "Msg": told.message,
        "Description": description,
    }]);
    let section = told.section.map(|(name, value)| (name.to_owned(), value));
    std::iter::once(("STATUS".to_owned(), status)).chain(section).collect()
}

/// The one pool everywhere.
pub(super) fn pools() -> Told {
    let pool = json!([{
        "POOL": 0, "GROUP": 0, "URL": "stratum+tcp://127.0.0.1:3333", "Status": "Alive", "Priority": 0, "User": "site.w1",
        "Accepted": 10, "Rejected": 0, "Stale": 0, "Get Failures": 0, "Remote Failures": 0, "Stratum Active": true,
        "Stratum URL": "127.0.0.1",
    }]);
    Told::of(7, "1 Pool(s)", "POOLS", pool)
}

/// A rate of terahashes as gigahashes or megahashes, to two places.
pub(super) fn scaled(terahashes: f64, by: f64) -> f64 {
    (terahashes * by * 100.0).round() / 100.0
}

/// The second row of an Antminer's `stats`, with its three chains.
pub(super) fn stats(id: &str, version: &str, says: &Says) -> Value {
    let (rate, board) = (scaled(says.rate, 1_000.0), scaled(says.rate / 3.0, 1_000.0));
    let fan = if says.asleep { 0 } else { 5_000 };
    let mut all = json!({"STATS": 0, "ID": id, "Elapsed": says.elapsed, "GHS 5s": rate, "GHS av": rate, "rate_30m": rate, "Mode": 2,
        "miner_count": 3, "frequency": 490, "fan_num": 4, "fan1": fan, "fan2": fan, "fan3": fan, "fan4": fan, "temp_num": 3,
        "total_rateideal": scaled(says.rated, 1_000.0), "rate_unit": "GH", "total_acn": 324, "miner_version": version});
    let Some(row) = all.as_object_mut() else { return all };
    for n in 1..=3 {
        let chain = [
            ("chain_acn", json!(108)),
            ("chain_acs", json!("oooo")),
            ("chain_rate", json!(format!("{board:.2}"))),
            ("chain_hw", json!(0)),
            ("temp", json!(50)),
            ("temp2_", json!(60)),
            ("freq", json!(490)),
            ("temp_pcb", json!("50-50-50-50")),
            ("temp_chip", json!("60-60-60-60")),
            ("temp_pic", json!("50-50-50-50")),
        ];
        row.extend(chain.map(|(name, value)| (format!("{name}{n}"), value)));
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_read_as_json_and_as_text() {
        for (bytes, command, parameter) in [
            (&b"{\"command\":\"curtail\",\"parameter\":\"a1,sleep\"}\0"[..], "curtail", "a1,sleep"),
            (b"{\"cmd\":\"summary\"}", "summary", ""),
            (b"version\n", "version", ""),
            (b"ascset|0,led,1", "ascset", "0,led,1"),
            (b"{\"command\":\"pools\",\"parameter\":0}", "pools", "0"),
        ] {
            assert!(Asked::is_whole(bytes));
            let asked = Asked::parse(bytes).unwrap();
            assert_eq!((asked.command.as_str(), asked.parameter.as_str()), (command, parameter));
        }
        assert!(!Asked::is_whole(b"") && !Asked::is_whole(b"{\"command\":\"cur"), "more has to come");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange_to_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _whole = Asked::is_whole(&bytes);
            if let Some(asked) = Asked::parse(&bytes) {
                prop_assert!(asked.command.len() + asked.parameter.len() <= bytes.len() * 2);
            }
        }
    }
}
