//! The small site of the scenes: three meters, eight PDUs of eight outlets, quick ramps, on loopback addresses of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use ballast::site::Site;
use ballast::site::file::load;
use tempfile::TempDir;

use super::calm;

/// What differs from scene to scene, as it stands in the site file.
pub(super) struct Numbers {
    pub(super) limit: &'static str,
    pub(super) ramp: &'static str,
    pub(super) restore: &'static str,
    pub(super) window: &'static str,
    pub(super) dwell_off: &'static str,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { limit: "350 kW", ramp: "40 kW/s", restore: "40 kW/s", window: "4 s", dwell_off: "1 s" }
    }
}

/// A site file in a folder of its own, and addresses that nobody else has while it lives.
pub(super) struct Stage {
    folder: TempDir,
    pub(super) site: Site,
    net: String,
    _held: TcpListener,
}

impl Stage {
    pub(super) fn new(numbers: &Numbers) -> Self {
        Self::of(|net| text(net, numbers))
    }

    /// Two rows of miners that are told to sleep, on a limit that has the time for it.
    pub(super) fn sleeping() -> Self {
        Self::of(|net| {
            let numbers = Numbers { ramp: "40 kW/s", restore: "40 kW/s", window: "2 s", ..Numbers::default() };
            let text = text(net, &numbers);
            let start = text.find("[[group]]").unwrap();
            let head = text[..start].replace("within = \"2 s\"", "within = \"12 s\"");
            let rows = [("west", "luxos", "29.5 J/TH", 1), ("wind", "whatsminer", "20 J/TH", 2)];
            head + &rows.map(|row| sleepers(net, row)).join("\n")
        })
    }

    /// With a tariff, whose file is written later.
    pub(super) fn supplied() -> Self {
        Self::of(|net| text(net, &Numbers::default()) + "[tariff]\nfile = \"tariff.toml\"\n")
    }

    /// With an under-frequency relay that is watched.
    pub(super) fn relayed() -> Self {
        Self::of(|net| {
            let relay = format!(
                "[under_frequency]\nprofile = \"relay-contacts\"\naddress = \"{net}.8:5020\"\npoll = \"100 ms\"\n"
            );
            text(net, &Numbers::default()) + &relay
        })
    }

    /// With a contactor on the southern feeder.
    pub(super) fn fed() -> Self {
        Self::of(|net| {
            let text = text(net, &Numbers::default());
            let south = "name = \"south\"\nrating = \"90 kW\"\n";
            let contactor = format!(
                "[feeder.contactor]\nprofile = \"relay-board\"\naddress = \"{net}.6:5020\"\nmeasured_by = \"south-meter\"\n\
                 poll = \"250 ms\"\nresponse = \"200 ms\"\nproof = \"1500 ms\"\nopens_after = \"500 ms\"\n\
                 outlets_return = \"off\"\n"
            );
            let text = text.replacen(south, &format!("{south}{contactor}"), 1);
            let meter = format!(
                "[[meter]]\nname = \"south-meter\"\nprofile = \"acuvim-ii\"\naddress = \"{net}.5:5020\"\npoll = \"100 ms\"\n"
            );
            text + &meter
        })
    }

    fn of(text: impl Fn(&str) -> String) -> Self {
        calm::watch();
        let (net, held) = own_net();
        let folder = tempfile::tempdir().unwrap();
        let text = text(&net);
        std::fs::write(folder.path().join("scene.toml"), &text).unwrap();
        let site = load("scene.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        Self { folder, site, net, _held: held }
    }

    /// A place in the folder of the scene.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.path("scene.toml")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the POI meter listens.
    pub(super) fn poi_address(&self) -> String {
        format!("{}.1:5020", self.net)
    }
}

/// The first three bytes of 254 addresses, kept by a listener on the last of them: other tests, other runs and other copies of
/// this one look elsewhere.
fn own_net() -> (String, TcpListener) {
    let start = std::process::id().wrapping_mul(37) % 12_000;
    let nets = (0..12_000).map(|step| (start + step) % 12_000).map(|n| format!("127.{}.{}", 200 + n / 250, n % 250));
    nets.into_iter()
        .find_map(|net| TcpListener::bind(format!("{net}.254:5019")).ok().map(|held| (net, held)))
        .expect("a free loopback net")
}

fn sleepers(net: &str, (name, firmware, efficiency, ten): (&str, &str, &str, u8)) -> String {
    format!(
        "[[group]]\nname = \"{name}\"\nminers = 8\noutlets = 8\nwatts = \"3.5 kW\"\nefficiency = \"{efficiency}\"\n\
         dwell_on = \"1 s\"\ndwell_off = \"1 s\"\n\
         [[group.path]]\nkind = \"firmware\"\nfirmware = \"{firmware}\"\naddress = \"{net}.{{unit+{ten}00}}\"\npoll = \"1 s\"\n\
         response = \"3 s\"\nproof = \"5 s\"\nasleep = \"40 W\"\n\
         [[group.path]]\nkind = \"outlets\"\nprofile = \"netio-powerpdu\"\naddress = \"{net}.{ten}0:5020\"\npoll = \"250 ms\"\n\
         response = \"250 ms\"\nproof = \"2.5 s\"\ncomms_loss = \"holds\"\n"
    )
}

fn text(net: &str, numbers: &Numbers) -> String {
    let Numbers { limit, ramp, restore, window, dwell_off } = numbers;
    let meter = |name: &str, profile: &str, last: u8, poll: &str| {
        format!(
            "[[meter]]\nname = \"{name}-meter\"\nprofile = \"{profile}\"\naddress = \"{net}.{last}:5020\"\npoll = \"{poll}\"\n"
        )
    };
    let row = |name: &str, count: u8, watts: &str, efficiency: &str, profile: &str, ten: u8, response: &str| {
        format!(
            "[[group]]\nrepeat = \"1..{count}\"\nname = \"{name}-{{n}}\"\nfeeder = \"{name}\"\nminers = 8\noutlets = 8\n\
             watts = \"{watts}\"\nefficiency = \"{efficiency}\"\ndwell_on = \"1 s\"\ndwell_off = \"{dwell_off}\"\n\
             [[group.path]]\nkind = \"outlets\"\nprofile = \"{profile}\"\naddress = \"{net}.{ten}{{n}}:5020\"\npoll = \"250 ms\"\n\
             response = \"{response}\"\nproof = \"2.5 s\"\ncomms_loss = \"holds\"\n"
        )
    };
    let head = format!(
        "[site]\nname = \"scene\"\n\
         [poi]\nimport_limit = \"{limit}\"\nwithin = \"2 s\"\nramp = \"{ramp}\"\nmeter = \"poi-meter\"\n\
         [poi.guard]\nkind = \"relay\"\ntrips_within = \"500 ms\"\n\
         [hall]\nnameplate = \"280 kW\"\nslew = \"42 kW/s\"\nstep = \"2 kW\"\nmeter = \"hall-meter\"\n\
         [house]\nnameplate = \"8 kW\"\nslew = \"1 kW/s\"\nstep = \"500 W\"\nmeter = \"house-meter\"\n\
         [tick]\nperiod = \"100 ms\"\nlapse = \"2 s\"\n\
         [fill]\nwindow = \"{window}\"\nconfidence = \"99.9 %\"\n\
         [restore]\nramp = \"{restore}\"\nstagger = \"100 ms\"\nbatch = \"28 kW\"\nsettle = \"500 ms\"\n\
         [economics]\nhashprice = \"45 USD/PH/day\"\npool_fee = \"2 %\"\nprice_lost = \"run\"\n\
         [ages]\nmeter = \"500 ms\"\ndevice = \"1500 ms\"\nprice = \"30 min\"\n\
         [[feeder]]\nname = \"north\"\nrating = \"90 kW\"\n\
         [[feeder]]\nname = \"south\"\nrating = \"90 kW\"\n\
         [[feeder]]\nname = \"east\"\nrating = \"60 kW\"\n"
    );
    [
        head,
        meter("poi", "acuvim-ii", 1, "50 ms"),
        meter("hall", "acuvim-ii", 2, "50 ms"),
        meter("house", "schneider-pm5xxx", 3, "200 ms"),
        row("north", 3, "3.5 kW", "17.5 J/TH", "netio-powerpdu", 1, "100 ms"),
        row("south", 3, "3.44 kW", "20 J/TH", "gude-expert-pdu", 2, "250 ms"),
        row("east", 2, "3.07 kW", "29.5 J/TH", "netio-powerpdu", 3, "1 s"),
    ]
    .join("\n")
}
