//! Golden frames of the terminal, without colours: what a person reads is what is compared.
//! `UPDATE_EXPECT=1` writes them anew; look at them before they are committed.

use ballast::cli::screen::{MIN_HEIGHT, MIN_WIDTH, draw};
use ballast::web::{History, OrdersView, View};
use expect_test::{ExpectFile, expect_file};

use super::views::{Scene, history, view};

const AT: i64 = 300_000;

fn frame(view: &View, history: &History, width: usize, height: usize) -> String {
    let lines = draw(view, history, None, width, height);
    assert_eq!(lines.len(), height, "as high as the screen");
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert!(lines.iter().all(|line| line.chars().count() == width), "as wide as the screen");
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn shown(scene: Scene, width: usize, height: usize, golden: &ExpectFile) {
    golden.assert_eq(&frame(&view(AT, scene), &history(AT, scene), width, height));
}

#[test]
fn a_calm_site_at_80x24() {
    shown(Scene::Calm, 80, 24, &expect_file!["frames/calm-80x24.txt"]);
}

#[test]
fn a_calm_site_at_120x40() {
    shown(Scene::Calm, 120, 40, &expect_file!["frames/calm-120x40.txt"]);
}

#[test]
fn e_stop_is_not_to_be_overlooked() {
    shown(Scene::EStop, 80, 24, &expect_file!["frames/e-stop-80x24.txt"]);
}

#[test]
fn a_lost_meter_is_no_data_and_never_zero() {
    shown(Scene::MeterLost, 80, 24, &expect_file!["frames/meter-lost-80x24.txt"]);
}

#[test]
fn a_lost_hall_is_drawn_as_what_it_counts_as() {
    shown(Scene::HallLost, 80, 24, &expect_file!["frames/hall-lost-80x24.txt"]);
}

#[test]
fn silent_and_unfollowing_groups_are_named() {
    shown(Scene::Silent, 120, 40, &expect_file!["frames/silent-120x40.txt"]);
}

#[test]
fn an_excess_stands_above_the_limit() {
    let mut over = view(AT, Scene::Calm);
    over.poi_w = Some(4_210_000);
    let mut history = history(AT, Scene::Calm);
    history.push(ballast::web::Point::of(&over));
    let drawn = frame(&over, &history, 80, 24);
    assert!(drawn.contains("210 kW ABOVE THE LIMIT") && drawn.contains('▲'), "{drawn}");
}

#[test]
fn any_size_can_be_drawn_and_no_less_than_the_keys_is_left() {
    let (view, history) = (view(AT, Scene::Silent), history(AT, Scene::Silent));
    for width in [0, 1, 7, 40, MIN_WIDTH, 500] {
        for height in [0, 1, 2, 5, MIN_HEIGHT - 1, MIN_HEIGHT, 200] {
            let drawn = frame(&view, &history, width, height);
            assert!(width < 40 || height < 1 || drawn.lines().last().unwrap().contains("e E-STOP"), "{width}x{height}");
        }
    }
}

#[test]
fn nothing_yet_is_said_and_not_drawn() {
    let drawn = frame(&View::default(), &History::default(), 80, 24);
    assert!(drawn.contains("waiting for the first tick"), "{drawn}");
}

#[test]
fn a_cap_being_typed_is_shown_with_its_unit() {
    let calm = view(AT, Scene::Calm);
    let lines = draw(&calm, &history(AT, Scene::Calm), Some("34"), 80, 24);
    assert!(lines.last().unwrap().to_string().starts_with("cap import at kW: 34_"));
    let capped = View { orders: OrdersView { cap_w: Some(3_400_000), ..OrdersView::default() }, ..calm };
    assert!(frame(&capped, &History::default(), 80, 24).contains("capped at 3.40 MW: C lifts"));
}
