//! Devices that are spoken to by TLS, as `check` judges them without their files.

use std::net::SocketAddr;

use super::tests::{changed, only_error, only_warning};
use crate::site::{SecretRef, Site, Tls};

fn of(ca: &str) -> Option<Tls> {
    Some(Tls { ca: SecretRef::File(ca.into()), identity: None, server_name: None })
}

/// Two PDUs of the demo behind one address, each with its own.
fn shared(first: Option<Tls>, second: Option<Tls>) -> impl FnOnce(&mut Site) {
    move |site| {
        let address = SocketAddr::from(([127, 0, 0, 9], 802));
        for (device, tls) in [(3, first), (4, second)] {
            (site.devices[device].address, site.devices[device].tls) = (address, tls);
        }
    }
}

#[test]
fn devices_behind_one_connection_have_the_same_tls() {
    assert!(changed(shared(of("a"), of("a"))).errors.is_empty());
    let apart = changed(shared(of("a"), of("b")));
    assert_eq!(
        only_error(&apart),
        "`north-01` and `north-02` share the connection to 127.0.0.9:802, and not their tls"
    );
    let half = changed(shared(of("a"), None));
    only_error(&half);
    assert_eq!(half.errors[0].at, "device `north-02`.tls");
}

#[test]
fn tls_at_the_port_of_plain_modbus_is_warned_of() {
    assert!(
        changed(|site| site.devices[0].address.set_port(502)).warnings.iter().all(|it| !it.message.contains("502"))
    );
    let warned = changed(|site| {
        site.devices[0].address.set_port(502);
        site.devices[0].tls = of("a");
    });
    assert!(only_warning(&warned).contains("by TLS at port 502"), "{warned:?}");
}
