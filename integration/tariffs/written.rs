//! Files that the program writes: laid out anew, and invoices as tests inside a tariff.

use ballast::cli::tariff::{bill, fmt, invoice};
use ballast::tariff::file;
use proptest::prelude::*;
use serde_json::Value;

use super::files::{SHIPPED, checked};
use super::verbs::{asked, told};

#[test]
fn every_tariff_that_ships_is_laid_out_and_comes_back_from_any_other_layout() {
    for (name, text) in SHIPPED {
        assert_eq!(fmt::laid_out(text).as_deref(), Ok(text), "{name}");
        let squeezed: Vec<String> = text
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some((key, value)) if !line.starts_with('#') => format!("  {}={value}  ", key.trim_end()),
                _ => format!("{line}\t"),
            })
            .collect();
        let other = squeezed.join("\n\n\n").replace("\n\n\n  ", "\n  ").replace("{ ", "{").replace(" }", "  }");
        assert_ne!(other, text);
        let back = fmt::laid_out(&other).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(fmt::laid_out(&back).as_ref(), Ok(&back), "{name}: once is enough");
        let (read, again) = (file::load(name, text).unwrap(), file::load(name, &back).unwrap());
        assert_eq!(read.lines.len(), again.lines.len());
        assert_eq!(text.matches('#').count(), back.matches('#').count(), "{name}: no comment is lost");
    }
}

#[test]
fn what_is_laid_out_says_what_it_said_and_what_is_no_toml_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tariff.toml");
    let ugly = "\n\nformat=1\r\nname=\"ugly\"   # its name\n   currency = \"USD\"\ntimezone    =   'UTC'\n\
                # of the table   \n[energy.all]  # what is drawn\n\n\n\nprice=[\"40 USD/MWh\"   ,{a=1,b=2}]\n\
                tiers   = [\n  { up_to = \"5 MW\" },   # kept\n]\n[[check]]\nat=2026-08-12T16:50:00-05:00\n";
    let wanted = "format   = 1\nname     = \"ugly\"   # its name\ncurrency = \"USD\"\ntimezone = 'UTC'\n\n\
                  # of the table\n[energy.all]  # what is drawn\n\nprice = [\"40 USD/MWh\", { a = 1, b = 2 }]\n\
                  tiers = [\n  { up_to = \"5 MW\" },   # kept\n]\n\n[[check]]\nat = 2026-08-12T16:50:00-05:00\n";
    std::fs::write(&path, ugly).unwrap();
    let run = |check| told(|out| fmt::run(&fmt::Asked { files: vec![path.clone()], check }, out)).0;
    assert_eq!((run(true), std::fs::read_to_string(&path).unwrap().as_str()), (1, ugly), "only looked at");
    assert_eq!((run(false), std::fs::read_to_string(&path).unwrap().as_str()), (0, wanted));
    assert_eq!(run(true), 0);
    std::fs::write(&path, "x = = 1\n").unwrap();
    assert_eq!((run(false), std::fs::read_to_string(&path).unwrap().as_str()), (1, "x = = 1\n"));
}

#[test]
fn an_invoice_becomes_a_test_of_its_tariff() {
    let folder = tempfile::tempdir().unwrap();
    let asked = asked(folder.path());
    let (_, out) = told(|out| bill::run(&bill::Asked { json: true, ..asked.clone() }, out));
    let json: Value = serde_json::from_str(&out).unwrap();
    let lines = json["months"][0]["lines"].as_array().unwrap();
    let amount = |name: &str| {
        let line = lines.iter().find(|line| line["line"] == name).unwrap_or_else(|| panic!("{out}"));
        line["amount"].as_str().unwrap().to_owned()
    };
    let text = std::fs::read_to_string(&asked.file).unwrap();
    let tariff = folder.path().join("tariff.toml");
    std::fs::write(&tariff, &text).unwrap();
    let csv = folder.path().join("invoice.csv");
    let total = json["months"][0]["total"].as_str().unwrap();
    let rows = format!(
        "Invoice 4711,,\nCharge,Quantity,Amount\n\"Meter charge, fixed\",1,\"$1,480.00\"\nDistribution demand,91333.3 kW,{}\nblock.hedge,,{} USD\nTotal due:,,{total}\n",
        amount("demand.distribution"),
        amount("block.hedge"),
    );
    std::fs::write(&csv, &rows).unwrap();
    let import = invoice::Asked {
        tariff: tariff.clone(),
        invoice: csv.clone(),
        month: "2026-08".into(),
        meter: asked.meter.clone(),
        prices: asked.prices.clone(),
    };
    let (code, table) = told(|out| invoice::run(&import, out));
    assert_eq!(code, 0, "{table}");
    assert!(table.starts_with("[invoice.\"2026-08\"]\nmeter  = \"meter.csv\"\nprices = \"prices.csv\"\n"), "{table}");
    assert!(table.contains("\"fixed.meter\" = \"1480.00 USD\""), "{table}");
    // Put behind the tariff, it is billed again by `check`.
    std::fs::write(&tariff, format!("{text}\n{table}")).unwrap();
    let (code, out) = checked(&tariff, false, false);
    assert!(code == 0 && out.contains("3 prices and 1 invoice come out as the file says"), "{out}");
    std::fs::write(&tariff, format!("{text}\n{}", table.replace("1480.00", "1481.00"))).unwrap();
    let (code, out) = checked(&tariff, false, false);
    assert!(code == 1 && out.contains("fixed.meter comes to 1,480.00 USD, and the invoice says 1,481.00 USD"), "{out}");
    // What belongs to no line, or to several, is told and left out.
    std::fs::write(&tariff, &text).unwrap();
    std::fs::write(&csv, format!("{rows}Moon phase surcharge,,3.00\n")).unwrap();
    let (code, again) = told(|out| invoice::run(&import, out));
    assert_eq!((code, again), (1, table));
}

proptest! {
    #[test]
    fn no_text_makes_the_formatter_panic_or_lie(text in "([a-z]{1,3} ?= ?(1|\"x\"|\\[1 ,2\\]|\\{a=1\\}) ?(# c)?\n|\\[[a-c]\\]\n|\n|# x\n){0,12}") {
        if let Ok(after) = fmt::laid_out(&text) {
            prop_assert_eq!(fmt::laid_out(&after), Ok(after.clone()));
            prop_assert_eq!(text.parse::<toml::Table>().unwrap(), after.parse::<toml::Table>().unwrap());
        }
    }
}
