//! What a site file says of TLS to a device: which authority, who we are, whose name. Where the files are, never what is in them.

use super::devices::NotRead;
use super::flip;
use crate::document::{Code, Form};
use crate::site::{Identity, SecretRef, Tls};

/// How the device is spoken to by TLS, where the file says so. `name` reads the name its certificate is made out to.
pub(super) fn tls<N>(
    form: &Form<'_>,
    name: impl FnOnce(&Form<'_>, &str) -> Option<N>,
) -> Result<Option<(Tls, Option<N>)>, NotRead> {
    let Some(form) = form.optional_table("tls") else { return Ok(None) };
    let ca = pem(&form, "ca", form.required("ca"));
    let identity = identity(&form);
    let called = form.has("server_name").then(|| form.required::<String>("server_name"));
    let called = flip(called.map(|text| name(&form, &text?)));
    let (ca, identity, called) = (ca.ok_or(NotRead)?, identity.ok_or(NotRead)?, called.ok_or(NotRead)?);
    Ok(Some((Tls { ca, identity, server_name: None }, called)))
}

/// Certificate and key go together: one alone says nothing of who we are.
fn identity(form: &Form<'_>) -> Option<Option<Identity>> {
    let [certificate, key] =
        ["certificate", "key"].map(|key| form.has(key).then(|| pem(form, key, form.required::<String>(key))));
    let alone = |there: &str, absent: &str| {
        let help = format!("add {absent} = \"file:PATH\", or remove it");
        form.problem(there, Code::Missing, format!("there is no `{absent}` that goes with it"), Some(help));
        None
    };
    match (certificate, key) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => Some(Some(Identity { certificate: certificate?, key: key? })),
        (Some(_), None) => alone("certificate", "key"),
        (None, Some(_)) => alone("key", "certificate"),
    }
}

/// Where a PEM file is to be found. It has many lines, and a variable of the environment is shown to too many: files alone.
fn pem(form: &Form<'_>, key: &str, text: Option<String>) -> Option<SecretRef> {
    let text = text?;
    let found = SecretRef::parse(&text).filter(|found| !matches!(found, SecretRef::Env(_)));
    if found.is_none() {
        let help = format!("write {key} = \"file:PATH\" or \"credential:NAME\"");
        form.problem(key, Code::Range, "this says not where a PEM file is", Some(help));
    }
    found
}
