use std::fmt::Write;

use super::{Setting, Takes};

/// Longest line of a comment.
const WIDTH: usize = 98;

/// A file with every setting and its default, all commented out.
pub(super) fn example(settings: &[Setting]) -> String {
    let mut text = comment(
        "Settings of `pawl serve --config FILE`. Every flag can stand here, with `_` for `-`; what is not \
         here has its default, as it is shown. The environment weighs more than this file, and a flag \
         more than both. `pawl config check FILE` reads it without starting anything.",
    );
    let mut heading = None;
    for setting in settings {
        if heading != Some(&setting.heading) {
            heading = Some(&setting.heading);
            let _ = write!(text, "\n\n# -- {} --", title(setting));
        }
        let _ = write!(text, "\n\n{}", comment(&setting.help));
        if !setting.choices.is_empty() {
            let _ =
                write!(text, "\n{}", comment(&format!("One of: {}", setting.choices.join(", "))));
        }
        let _ = write!(text, "\n#{} = {}", setting.key, value(setting));
    }
    text + "\n"
}

/// What `--help` has above it.
pub(super) fn title(setting: &Setting) -> &str {
    setting.heading.as_deref().unwrap_or("General")
}

/// As TOML: the default, or what stands for the value.
fn value(setting: &Setting) -> String {
    let text = setting.default.as_ref().unwrap_or(&setting.value_name);
    let bare = setting.takes == Takes::Switch || text.parse::<i64>().is_ok();
    let value = if bare { text.clone() } else { format!("{text:?}") };
    if setting.takes == Takes::Many { format!("[{value}]") } else { value }
}

/// Broken into lines, paragraph by paragraph.
fn comment(text: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::from("#");
        for word in paragraph.split_whitespace() {
            if line.len() + 1 + word.len() > WIDTH {
                lines.push(std::mem::replace(&mut line, String::from("#")));
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}
