//! Keys to actions. Lowering is one key; what raises again is the same key with Shift.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::units::Power;
use crate::web::{Action, MAX_CAP, View};

/// The most digits of a cap that are taken.
const DIGITS: usize = 7;

/// What has been typed so far, where a cap is being entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    typed: Option<String>,
}

impl Keys {
    /// The digits typed so far; nothing where no cap is being entered.
    pub fn asked(&self) -> Option<&str> {
        self.typed.as_deref()
    }

    /// What this key means now.
    pub fn press(&mut self, key: KeyEvent, view: &View) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return (key.code == KeyCode::Char('c')).then_some(Action::Quit);
        }
        match self.typed.take() {
            Some(typed) => self.digit(typed, key.code),
            None => self.order(key.code, view),
        }
    }

    fn order(&mut self, key: KeyCode, view: &View) -> Option<Action> {
        let action = match key {
            KeyCode::Char('e') => Action::EStop(true),
            KeyCode::Char('E') => Action::EStop(false),
            KeyCode::Char('C') => Action::Cap(None),
            KeyCode::Char('c') => {
                self.typed = Some(String::new());
                return None;
            }
            KeyCode::Char('j') => Action::HallJump,
            KeyCode::Char('m') => Action::UnplugMeter(!view.faults.meter_unplugged),
            KeyCode::Char('p') => Action::UnplugPdu(view.faults.pdu_unplugged.is_none()),
            KeyCode::Char('q') => Action::Quit,
            _ => return None,
        };
        (view.demo || !action.is_for_demo()).then_some(action)
    }

    fn digit(&mut self, mut typed: String, key: KeyCode) -> Option<Action> {
        match key {
            KeyCode::Char('e') => return Some(Action::EStop(true)),
            KeyCode::Esc => return None,
            KeyCode::Enter => {
                let cap = Power::from_kilowatts(typed.parse().ok()?);
                return (cap <= MAX_CAP).then_some(Action::Cap(Some(cap)));
            }
            KeyCode::Backspace => {
                typed.pop();
            }
            KeyCode::Char(digit) if digit.is_ascii_digit() && typed.len() < DIGITS => typed.push(digit),
            _ => {}
        }
        self.typed = Some(typed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> View {
        View { demo: true, ..View::default() }
    }

    fn typed(keys: &mut Keys, text: &str, view: &View) -> Vec<Action> {
        let code = |letter| if letter == '\n' { KeyCode::Enter } else { KeyCode::Char(letter) };
        text.chars().filter_map(|letter| keys.press(code(letter).into(), view)).collect()
    }

    #[test]
    fn every_key_does_what_the_footer_says() {
        let actions = typed(&mut Keys::default(), "jeECmpq", &demo());
        assert_eq!(
            actions,
            [
                Action::HallJump,
                Action::EStop(true),
                Action::EStop(false),
                Action::Cap(None),
                Action::UnplugMeter(true),
                Action::UnplugPdu(true),
                Action::Quit
            ]
        );
    }

    #[test]
    fn a_cap_is_typed_in_kilowatts() {
        let mut keys = Keys::default();
        assert_eq!(typed(&mut keys, "c3x40", &demo()), []);
        assert_eq!(keys.asked(), Some("340"));
        assert_eq!(typed(&mut keys, "0\n", &demo()), [Action::Cap(Some(Power::from_kilowatts(3_400)))]);
        assert_eq!(keys.asked(), None);
    }

    #[test]
    fn no_digits_are_no_cap() {
        assert_eq!(typed(&mut Keys::default(), "c\n", &demo()), []);
    }

    #[test]
    fn e_stop_works_while_a_cap_is_being_typed() {
        assert_eq!(typed(&mut Keys::default(), "c34e", &demo()), [Action::EStop(true)]);
    }

    #[test]
    fn a_real_site_is_not_made_to_fail_by_a_key() {
        assert_eq!(typed(&mut Keys::default(), "jmp", &View::default()), []);
    }

    #[test]
    fn control_c_ends_on_the_ramp() {
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(Keys::default().press(key, &demo()), Some(Action::Quit));
    }
}
