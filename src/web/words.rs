//! What each cause means, in plain words: for the person at the screen, who need not have read anything else.

use crate::plan::{Cause, Condition};

/// The name of a cause as a person says it, at most 24 characters.
pub fn name(cause: Cause) -> &'static str {
    match cause {
        Cause::EStop => "E-stop",
        Cause::ImportLimit => "Import limit",
        Cause::AiHallUnknown => "AI hall unknown",
        Cause::PoiUnknown => "POI unknown",
        Cause::FeederRating => "Feeder rating",
        Cause::BillingPeak => "Billing peak",
        Cause::OperatorCap => "Operator cap",
        Cause::Drain => "Ending",
        Cause::Price => "Price",
        Cause::Nameplate => "Everything may run",
    }
}

/// What it means, in one line of at most 80 characters.
pub fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::EStop => "Someone pressed e-stop: every miner is off and stays off until it is released.",
        Cause::ImportLimit => "Miners take what the limit leaves beside the hall's fastest possible rise.",
        Cause::AiHallUnknown => "The hall's meter is lost: it counts as more every moment, up to its nameplate.",
        Cause::PoiUnknown => "The POI's meter is lost for long: miners go down to what nameplates leave.",
        Cause::FeederRating => "A feeder carries what it is rated for; the miners behind it are held there.",
        Cause::BillingPeak => "One more MW would be a new billing peak, which costs more than it earns.",
        Cause::OperatorCap => "An operator capped the site's import; it goes there on the ramp and stays.",
        Cause::Drain => "The controller is ending: miners go off on the ramp; the grid sees no step.",
        Cause::Price => "Power costs more than these miners earn with it; they wait for a better price.",
        Cause::Nameplate => "Nothing holds the miners back: there is room for all of them.",
    }
}

/// What is wrong, as a person says it, at most 48 characters.
pub fn wrong(condition: Condition) -> &'static str {
    match condition {
        Condition::EStop => "e-stop is pressed",
        Condition::OutOfControl => "import stayed over the limit",
        Condition::PoiUnseen => "the POI meter is silent",
        Condition::HallUnseen => "the hall's meter is silent",
        Condition::RecordLate => "records do not become durable",
        Condition::Draining => "the controller is ending",
        Condition::PriceLost => "the price is lost",
        Condition::MetersDisagree => "the meters do not agree",
        Condition::RelayTripped => "the under-frequency relay tripped",
        Condition::RelayUnseen => "the under-frequency relay is not seen",
        Condition::RelayDisarmed => "the under-frequency relay is not armed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_the_screen() {
        for cause in Cause::ALL {
            assert!(Condition::ALL.iter().all(|condition| wrong(*condition).len() <= 48));
            assert!(name(cause).len() <= 24 && meaning(cause).len() <= 80, "{}: too long", cause.name());
        }
    }

    #[test]
    fn the_operators_page_explains_every_cause() {
        let page = include_str!("../../docs/operator.md");
        for cause in Cause::ALL {
            assert!(page.contains(&format!("`{}`", cause.name())), "{}: not in docs/operator.md", cause.name());
        }
    }
}
