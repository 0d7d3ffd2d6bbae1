//! The board as people have it: in a real browser, headless Chromium, driven by the scripts in
//! `tests/browser`. `.ci/run` installs what they need; where it is missing these tests fail, not skip.

mod access;
mod load;
mod script;
mod world;

use pawl_tests::cases;

use world::World;

/// Plays a script on a server of its own.
async fn on_a_world(script: &str, minimum: usize) {
    let mut world = World::start().await;
    let address = world.address();
    let settings = [("PAWL_ADDRESS", address.as_str())];
    let checked =
        script::play(script, &settings, 0, async |asked: Vec<String>| world.act(&asked).await)
            .await;
    cases(&format!("browser: {script}"), checked, minimum);
}

#[tokio::test]
#[ignore = "needs Chromium and what .ci/run installs"]
async fn what_happens_elsewhere_is_seen_and_survives_kills() {
    on_a_world("live.mjs", 7).await;
}

#[tokio::test]
#[ignore = "needs Chromium and what .ci/run installs"]
async fn a_board_is_worked_with_by_mouse() {
    on_a_world("mouse.mjs", 4).await;
}

#[tokio::test]
#[ignore = "needs Chromium and what .ci/run installs"]
async fn everybody_can_read_it() {
    on_a_world("looks.mjs", 5).await;
}

#[tokio::test]
#[ignore = "needs Chromium and what .ci/run installs"]
async fn triggers_are_added_changed_and_tried() {
    on_a_world("triggers.mjs", 8).await;
}

#[tokio::test]
#[ignore = "needs Chromium and what .ci/run installs"]
async fn the_keyboard_alone_does_all_of_it() {
    on_a_world("keyboard.mjs", 7).await;
}
