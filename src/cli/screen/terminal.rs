//! Paints frames on the terminal and reads its keys. Gives the terminal back as it was: at the end, at an error, at a
//! panic of any thread.

use std::io::{self, Stdout, Write, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetBackgroundColor, SetForegroundColor};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

use super::draw::draw;
use super::keys::Keys;
use super::line::{Ink, Line};
use crate::web::{Actor, Hub, View};

/// The time between two frames; a key is answered at once.
const FRAME: Duration = Duration::from_millis(200);

/// Whether the terminal is ours. One process has one terminal.
static OURS: AtomicBool = AtomicBool::new(false);

/// Shows the hub's views and hands keys to it, until `ended`. `page` says where the same can be seen in a browser.
///
/// # Errors
/// Where the terminal cannot be had or is gone.
pub fn watch(hub: &Hub, page: &str, ended: &AtomicBool) -> io::Result<()> {
    let mut screen = Screen::open()?;
    let mut keys = Keys::default();
    while !ended.load(Ordering::Relaxed) {
        let seen = hub.view();
        let view = View { note: format!("{page}  {}", seen.note), ..View::clone(&seen) };
        let (width, height) = size()?;
        screen.paint(draw(&view, &hub.history(), keys.asked(), usize::from(width), usize::from(height)))?;
        if !event::poll(FRAME)? {
            continue;
        }
        match event::read()? {
            Event::Key(key) => {
                if let Some(action) = keys.press(key, &view) {
                    // A loop that takes no more has enough to do already; the person sees that nothing changed.
                    let _refused = hub.act(action, Actor::Terminal);
                }
            }
            Event::Resize(..) => screen.forget(),
            _ => {}
        }
    }
    Ok(())
}

/// The terminal in raw mode on its alternate screen. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Screen {
    out: Stdout,
    shown: Vec<Line>,
    colour: bool,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Where there is none, or it is not ours to take.
    pub fn open() -> io::Result<Self> {
        restore_at_panic();
        enable_raw_mode()?;
        OURS.store(true, Ordering::SeqCst);
        let mut screen = Self { out: stdout(), shown: Vec::new(), colour: colour_wanted() };
        execute!(screen.out, EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        Ok(screen)
    }

    /// Forgets what is shown: the next frame is painted whole.
    pub fn forget(&mut self) {
        self.shown.clear();
    }

    /// Paints the lines that differ from what is shown.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub fn paint(&mut self, frame: Vec<Line>) -> io::Result<()> {
        if !OURS.load(Ordering::SeqCst) {
            return Ok(());
        }
        queue!(self.out, BeginSynchronizedUpdate)?;
        if self.shown.len() != frame.len() {
            queue!(self.out, Clear(ClearType::All))?;
            self.shown.clear();
        }
        for (row, line) in frame.iter().enumerate() {
            if self.shown.get(row) != Some(line) {
                queue!(self.out, MoveTo(0, u16::try_from(row).unwrap_or(u16::MAX)))?;
                line.spans().iter().try_for_each(|span| self.put(&span.text, span.ink))?;
            }
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.shown = frame;
        self.out.flush()
    }

    fn put(&mut self, text: &str, ink: Ink) -> io::Result<()> {
        if !self.colour {
            return queue!(self.out, SetAttribute(weight(ink)), Print(text), SetAttribute(Attribute::Reset));
        }
        if let Some(colour) = colour(ink) {
            queue!(self.out, SetForegroundColor(colour))?;
        }
        if ink == Ink::HallUnderMiners {
            queue!(self.out, SetBackgroundColor(MINERS))?;
        }
        // Where there is colour the hall needs no pattern.
        let text = if ink == Ink::Hall { text.replace('▒', "█") } else { text.to_owned() };
        queue!(self.out, SetAttribute(weight(ink)), Print(text), ResetColor, SetAttribute(Attribute::Reset))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Blue and amber: told apart by every kind of eye.
const HALL: Color = Color::AnsiValue(68);
const MINERS: Color = Color::AnsiValue(179);

fn colour(ink: Ink) -> Option<Color> {
    match ink {
        Ink::Plain | Ink::Strong | Ink::Quiet => None,
        Ink::Hall | Ink::HallUnderMiners => Some(HALL),
        Ink::Miners => Some(MINERS),
        Ink::Price => Some(Color::AnsiValue(141)),
        Ink::Warn => Some(Color::AnsiValue(220)),
        Ink::Alarm => Some(Color::AnsiValue(203)),
    }
}

/// What tells inks apart where there is no colour.
fn weight(ink: Ink) -> Attribute {
    match ink {
        Ink::Strong | Ink::Warn => Attribute::Bold,
        Ink::Quiet => Attribute::Dim,
        Ink::Alarm => Attribute::Reverse,
        _ => Attribute::NormalIntensity,
    }
}

fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn give_back() {
    if OURS.swap(false, Ordering::SeqCst) {
        // Nothing to be done where the terminal is gone already.
        let _gone = execute!(stdout(), LeaveAlternateScreen, Show);
        let _gone = disable_raw_mode();
    }
}

fn restore_at_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}
