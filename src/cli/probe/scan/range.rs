//! Which addresses a scan asks, and by which ports and units: what was typed, and nothing beyond it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Most addresses of one scan.
pub(super) const MOST: usize = 4_096;
/// The ports on which miners are spoken to.
const OF_MINERS: [u16; 3] = [80, 4_028, 4_433];

/// What is asked of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// Ports on which a Modbus device may be.
    pub(super) ports: Vec<u16>,
    /// Whether it may be a miner.
    pub(super) miner: bool,
}

/// Every address of these ranges, each once; one without a port is asked on all of these, and for a miner.
pub(super) fn targets(ranges: &[String], ports: &[u16]) -> Result<BTreeMap<Ipv4Addr, Target>, String> {
    let mut all: BTreeMap<Ipv4Addr, Target> = BTreeMap::new();
    for range in ranges {
        let (first, last, port) = parse(range)?;
        let count = usize::try_from(u32::from(last) - u32::from(first)).unwrap_or(MOST) + 1;
        if count > MOST {
            return Err(format!("`{range}` has {count} addresses, more than the {MOST} of one scan; scan it in parts"));
        }
        for address in u32::from(first)..=u32::from(last) {
            let target = all.entry(Ipv4Addr::from(address)).or_default();
            target.miner |= port.is_none_or(|port| OF_MINERS.contains(&port));
            let own = port.filter(|port| !OF_MINERS.contains(port));
            target.ports.extend(if port.is_none() { ports } else { own.as_slice() });
            target.ports.sort_unstable();
            target.ports.dedup();
        }
    }
    match all.len() {
        0..=MOST => Ok(all),
        more => Err(format!("these are {more} addresses, more than the {MOST} of one scan; scan them in parts")),
    }
}

/// The first and the last address, and the port where one is named: `10.0.0.0/24`, `10.0.0.1-10.0.0.40`, `127.66.1.1-17:5020`, `10.0.0.7`.
fn parse(text: &str) -> Result<(Ipv4Addr, Ipv4Addr, Option<u16>), String> {
    let wrong =
        || format!("`{text}` is no range of IPv4 addresses; write 10.0.0.0/24, 10.0.0.1-10.0.0.40 or 10.0.0.1-40:502");
    let (addresses, port) = match text.rsplit_once(':') {
        Some((addresses, port)) => (addresses, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?)),
        None => (text, None),
    };
    let (first, last) = match (addresses.split_once('/'), addresses.split_once('-')) {
        (Some((base, bits)), None) => block(base, bits).ok_or_else(wrong)?,
        (None, Some((first, last))) => span(first, last).ok_or_else(wrong)?,
        _ => addresses.parse().map(|one| (one, one)).map_err(|_| wrong())?,
    };
    if last < first {
        return Err(format!("`{text}` runs backwards"));
    }
    Ok((first, last, port))
}

/// The hosts of a block: without the address of the net and that of its broadcasts, where it has them.
fn block(base: &str, bits: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let base = u32::from(base.parse::<Ipv4Addr>().ok()?);
    let bits = bits.parse::<u32>().ok().filter(|bits| (1..=32).contains(bits))?;
    let others = u32::MAX.checked_shr(bits).unwrap_or(0);
    let (net, end) = (base & !others, base | others);
    let inside = u32::from(bits <= 30);
    Some((Ipv4Addr::from(net + inside), Ipv4Addr::from(end - inside)))
}

/// From one to another, of which the last number is enough.
fn span(first: &str, last: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let first: Ipv4Addr = first.trim().parse().ok()?;
    let [a, b, c, _] = first.octets();
    let of_number = || Some(Ipv4Addr::new(a, b, c, last.trim().parse().ok()?));
    Some((first, last.trim().parse().ok().or_else(of_number)?))
}

/// Unit ids as `1-4` or `1,9-20`, each once.
pub(super) fn units(text: &str) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (first.trim().parse::<u8>(), last.trim().parse::<u8>()) {
            (Ok(first), Ok(last)) if first <= last => all.extend(first..=last),
            _ => return Err(format!("`{part}` are no unit ids; write 1-4 or 1,9-20")),
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(ranges: &[&str]) -> Result<BTreeMap<Ipv4Addr, Target>, String> {
        let ranges: Vec<String> = ranges.iter().map(|range| (*range).to_owned()).collect();
        targets(&ranges, &[502, 5020])
    }

    fn ends(range: &str) -> (String, String, usize) {
        let all = scanned(&[range]).unwrap();
        (all.keys().next().unwrap().to_string(), all.keys().last().unwrap().to_string(), all.len())
    }

    #[test]
    fn a_block_is_its_hosts_and_both_ends_of_a_span_count() {
        assert_eq!(ends("10.0.0.7/24"), ("10.0.0.1".into(), "10.0.0.254".into(), 254));
        assert_eq!(ends("10.0.0.6/31"), ("10.0.0.6".into(), "10.0.0.7".into(), 2));
        assert_eq!(ends("10.0.0.6/32"), ("10.0.0.6".into(), "10.0.0.6".into(), 1));
        assert_eq!(ends("10.0.0.250-10.0.1.5"), ("10.0.0.250".into(), "10.0.1.5".into(), 12));
        assert_eq!(ends("127.66.1.1-17:5020"), ("127.66.1.1".into(), "127.66.1.17".into(), 17));
        assert_eq!(ends("10.0.0.0/20").2, 4_094);
    }

    #[test]
    fn a_port_that_is_named_is_the_only_one_and_one_of_miners_is_asked_for_a_miner() {
        let all = scanned(&["10.0.0.1", "10.0.0.2:1502", "10.0.0.3:4028", "10.0.0.1:600", "10.0.0.1"]).unwrap();
        let target = |last| all[&Ipv4Addr::new(10, 0, 0, last)].clone();
        assert_eq!(target(1), Target { ports: vec![502, 600, 5020], miner: true });
        assert_eq!(target(2), Target { ports: vec![1502], miner: false });
        assert_eq!(target(3), Target { ports: vec![], miner: true });
    }

    #[test]
    fn what_is_no_range_or_too_much_is_refused_with_how_to_write_it() {
        for wrong in
            ["", "10.0.0", "10.0.0.0/0", "10.0.0.0/33", "10.0.0.1-x", "10.0.0.1:0", "::1", "host", "10.0.0.1-5/24"]
        {
            assert!(scanned(&[wrong]).unwrap_err().contains("is no range"), "{wrong}");
        }
        assert!(scanned(&["10.0.0.9-3"]).unwrap_err().contains("backwards"));
        assert!(scanned(&["10.0.0.0/8"]).unwrap_err().contains("more than the 4096 of one scan"));
        assert!(scanned(&["10.0.0.0/20", "10.1.0.0/20"]).unwrap_err().contains("more than the 4096"));
        assert!(scanned(&["10.0.0.0/20", "10.0.0.0/20"]).is_ok(), "each is asked once");
    }

    #[test]
    fn units_are_numbers_and_spans_of_them() {
        assert_eq!(units("1-4"), Ok(vec![1, 2, 3, 4]));
        assert_eq!(units("20, 9-11,9"), Ok(vec![9, 10, 11, 20]));
        for wrong in ["", "4-1", "256", "a"] {
            assert!(units(wrong).is_err(), "{wrong}");
        }
    }
}
