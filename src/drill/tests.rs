//! What is not drilled.

use super::*;
use crate::site::file::load;

#[test]
fn what_a_person_stopped_locked_or_opened_is_not_drilled() {
    let text = include_str!("../../sites/demo.toml");
    let site = load("demo.toml", text).unwrap_or_else(|problems| panic!("{problems}"));
    let locked = Orders { locked: ["north-02".to_owned()].into(), ..Orders::default() };
    assert_eq!(refused(&Orders::default(), &[0, 1], &site), None);
    assert_eq!(refused(&locked, &[0], &site), None, "another group is");
    assert!(refused(&locked, &[0, 1], &site).unwrap().contains("group `north-02` is locked"));
    let open = Orders { open: ["south".to_owned()].into(), ..Orders::default() };
    assert_eq!(refused(&open, &[0], &site), None, "another feeder is");
    assert!(refused(&open, &[0, 26], &site).unwrap().contains("feeder `south` is open"));
    assert!(refused(&Orders { e_stop: true, ..locked }, &[0], &site).unwrap().contains("e-stop is pressed"));
}
