//! The tables of a site file that are nothing but settings, with the defaults of those that are safe to leave out.

use std::time::Duration;

use super::Reader;
use crate::document::{Code, Form};
use crate::site::{Ages, Budgets, Economics, Failsafe, Fill, PriceLost, Restore, Tick};
use crate::units::{Power, Share, span};

const TICK: Tick = Tick { period: Duration::from_millis(100), lapse: Duration::from_secs(2) };
const FILL: Fill = Fill { window: Duration::from_secs(300), confidence: Share::from_ppm(999_000) };
const AGES: Ages =
    Ages { meter: Duration::from_millis(500), device: Duration::from_secs(2), price: Duration::from_secs(1_800) };
const BUDGETS: Budgets = Budgets {
    sense: Duration::from_millis(200),
    decide: Duration::from_millis(5),
    write: Duration::from_millis(50),
    acknowledge: Duration::from_millis(250),
    proof: Duration::from_secs(2),
};
const STAGGER: Duration = Duration::from_millis(200);
const SETTLE: Duration = Duration::from_secs(2);

impl<'d> Reader<'d> {
    pub(super) fn tick(&mut self, form: Option<Form<'d>>) -> Option<Tick> {
        let Some(form) = form else { return Some(TICK) };
        self.places.note("tick", &form, &["period", "lapse"]);
        let period = form.positive_or("period", TICK.period);
        let lapse = form.positive_or("lapse", TICK.lapse);
        let (period, lapse) = (period?, lapse?);
        if lapse <= period * 2 {
            let message = format!("{} is not more than twice the period of {}", span(lapse), span(period));
            let help = "a single late tick would void every command; 20 periods are usual";
            form.problem("lapse", Code::Conflict, message, Some(help.into()));
        }
        Some(Tick { period, lapse })
    }

    pub(super) fn restore(&mut self, form: &Form<'d>, largest: Power) -> Option<Restore> {
        self.places.note("restore", form, &["ramp", "batch"]);
        let (ramp, batch) = (form.positive("ramp"), form.positive("batch"));
        let (stagger, settle) = (form.or("stagger", STAGGER), form.or("settle", SETTLE));
        if let Some(batch) = batch
            && batch < largest
        {
            let message = format!("{batch} is less than one unit of {largest}, which could never come back");
            form.problem("batch", Code::Conflict, message, Some(format!("write \"{largest}\" or more")));
        }
        Some(Restore { ramp: ramp?, stagger: stagger?, batch: batch?, settle: settle? })
    }

    pub(super) fn ages(&mut self, form: Option<Form<'d>>) -> Option<Ages> {
        let Some(form) = form else { return Some(AGES) };
        self.places.note("ages", &form, &["meter", "device", "price"]);
        let meter = form.positive_or("meter", AGES.meter);
        let device = form.positive_or("device", AGES.device);
        let price = form.positive_or("price", AGES.price);
        Some(Ages { meter: meter?, device: device?, price: price? })
    }

    /// `within` is what the limit allows.
    pub(super) fn failsafe(&mut self, form: Option<Form<'d>>, within: Duration) -> Option<Failsafe> {
        let usual = Failsafe::usual(within);
        let Some(form) = form else { return Some(usual) };
        self.places.note("failsafe", &form, &["poi_unseen", "over_limit"]);
        let poi_unseen = form.positive_or("poi_unseen", usual.poi_unseen);
        let over_limit = form.positive_or("over_limit", usual.over_limit);
        Some(Failsafe { poi_unseen: poi_unseen?, over_limit: over_limit? })
    }

    pub(super) fn budgets(&mut self, form: Option<Form<'d>>) -> Option<Budgets> {
        let Some(form) = form else { return Some(BUDGETS) };
        self.places.note("budgets", &form, &["sense", "decide", "write", "acknowledge", "proof"]);
        let (sense, decide) = (form.positive_or("sense", BUDGETS.sense), form.positive_or("decide", BUDGETS.decide));
        let write = form.positive_or("write", BUDGETS.write);
        let acknowledge = form.positive_or("acknowledge", BUDGETS.acknowledge);
        let proof = form.positive_or("proof", BUDGETS.proof);
        Some(Budgets { sense: sense?, decide: decide?, write: write?, acknowledge: acknowledge?, proof: proof? })
    }
}

pub(super) fn fill(form: Option<Form<'_>>) -> Option<Fill> {
    let Some(form) = form else { return Some(FILL) };
    let window = form.positive_or("window", FILL.window);
    let half = Share::from_ppm(500_000);
    let confidence = form.within("confidence", form.or("confidence", FILL.confidence), half..=WHOLE);
    Some(Fill { window: window?, confidence: confidence? })
}

const WHOLE: Share = Share::from_ppm(1_000_000);

pub(super) fn economics(form: &Form<'_>) -> Option<Economics> {
    let hashprice = form.positive("hashprice");
    let pool_fee = form.within("pool_fee", form.required("pool_fee"), Share::ZERO..=WHOLE);
    let words = [("run", Some(PriceLost::Run)), ("curtail", Some(PriceLost::Curtail)), ("assume", None)];
    let price_lost = match form.choice("price_lost", &words) {
        Some(None) => form.required("assumed_price").map(PriceLost::Assume),
        Some(word) => word,
        None => {
            form.has("assumed_price");
            None
        }
    };
    Some(Economics { hashprice: hashprice?, pool_fee: pool_fee?, price_lost: price_lost? })
}
