use anstream::adapter::strip_str;
use serde_json::{Value, json};
use textwrap::core::display_width;

use super::*;

/// A refusal as Alibaba Cloud words it in China: 51 columns in 26 characters, and no spaces.
const REFUSAL: &str = "您没有权限执行该操作,请联系数据库管理员申请变更权限";

const WIDTHS: [usize; 3] = [80, 100, 200];

fn failed(message: &str) -> Value {
    json!({
        "time": "2026-11-21T20:30:01.123Z",
        "data": {
            "state": "failed", "job_id": "chg-1", "operation": "dms.CreateOrder",
            "error": { "code": "NoPermission", "message": message },
        },
    })
}

fn widest(text: &str) -> usize {
    text.lines().map(display_width).max().unwrap_or_default()
}

#[test]
fn a_row_has_time_job_state_and_reason_within_the_width() {
    let row = OutputRow::from_event(&failed(&"x".repeat(200)));
    let line = row.render(LineWidth::Columns(100));
    let shown = strip_str(&line).to_string();
    assert!(shown.starts_with("20:30:01  chg-1           failed     dms.Create"), "{shown}");
    assert!(shown.contains("  NoPermission: xxx") && shown.ends_with('…'), "{shown}");
    assert_eq!(display_width(&shown), 100);
}

#[test]
fn a_chinese_refusal_fits_the_terminal_and_is_whole_in_a_pipe() {
    let message = REFUSAL.repeat(8);
    let row = OutputRow::from_event(&failed(&message));
    for width in WIDTHS {
        let line = row.render(LineWidth::Columns(width));
        assert!(widest(&line) <= width && widest(&line) >= width - 1, "{width}: {line}");
        assert!(line.ends_with('…'), "{line}");
        let wrapped = LineWidth::Columns(width).wrap("error: ", 7, &message);
        assert!(widest(&wrapped) <= width, "{width}: {wrapped}");
        let read: String = wrapped.split_whitespace().skip(1).collect();
        assert_eq!(read, message);
    }
    let line = row.render(LineWidth::Unlimited);
    assert!(line.ends_with(&message), "{line}");
    assert_eq!(LineWidth::Unlimited.wrap("error: ", 7, &message), format!("error: {message}"));
}

#[test]
fn a_long_job_id_leaves_the_state_visible_on_a_terminal() {
    let row = OutputRow { job: "j".repeat(128), state: "failed".into(), ..OutputRow::default() };
    let line = row.render(LineWidth::Columns(80));
    assert!(line.contains("failed") && widest(&line) <= 80, "{line}");
    assert!(row.render(LineWidth::Unlimited).contains(&row.job));
}

#[test]
fn control_characters_from_a_provider_are_escaped() {
    let mut event = failed("a\nb\t\u{1b}[2Jc\u{9b}d\u{202e}é");
    event["data"]["job_id"] = json!("\u{7}job");
    event["data"]["state"] = json!("\u{1b}[31m");
    event["time"] = json!("2026-11-21T20:30\u{1b}012");
    for width in [LineWidth::Columns(100), LineWidth::Unlimited] {
        let line = OutputRow::from_event(&event).render(width);
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.contains(r": a\nb\t\u001b[2Jc"), "{line}");
    }
    let truncated = LineWidth::Columns(100).truncate("\u{1b}[31m\u{9b}red\u{202e}é");
    assert_eq!(truncated, r"\u001b[31m\u009bred\u202eé");
    let wrapped = LineWidth::Columns(100).wrap("", 0, "a\nb\u{1b}");
    assert_eq!(wrapped, r"a b\u001b");
}

#[test]
fn colour_marks_the_state_and_changes_nothing_else() {
    let line = OutputRow::from_event(&failed("no")).render(LineWidth::Columns(100));
    assert!(line.contains("\x1b[31mfailed\x1b[0m"), "{line:?}");
    let shown = strip_str(&line).to_string();
    assert_eq!(shown, "20:30:01  chg-1           failed     dms.CreateOrder  NoPermission: no");
}

#[test]
fn a_text_is_truncated_at_a_whole_character() {
    for (width, expected) in [(8, "没有权限"), (7, "没有权…"), (6, "没有…"), (1, "…")]
    {
        assert_eq!(LineWidth::Columns(width).truncate("没有权限"), expected);
    }
}

#[test]
fn a_table_fits_the_terminal_and_is_one_line_a_row_in_a_pipe() {
    let row = || ["chg-1".to_owned(), REFUSAL.repeat(4), "a\u{1b}b".to_owned()];
    for width in WIDTHS {
        let table = LineWidth::Columns(width).table(["id", "error", "c"], [row(), row()]);
        assert!(widest(&table) <= width, "{width}:\n{table}");
        assert!(table.contains("a\\u001bb"), "{table}");
    }
    let piped = LineWidth::Unlimited.table(["id", "error", "c"], [row(), row()]);
    assert_eq!(piped.lines().count(), 3, "{piped}");
    assert!(piped.contains(&REFUSAL.repeat(4)), "{piped}");
}

#[test]
fn a_result_is_shown_in_words() {
    let packages = json!({"packages": [
        {"asy_task_id": "t", "package_id": "23", "status": "deployed"}, {"package_id": "24"}]});
    let ticket = json!({"order_ids": [17], "tickets": [{"order_id": 17, "status": "success"}]});
    for (value, words) in [
        (json!({"order_ids": [17]}), "order 17"),
        (json!({"order_ids": [17, 18]}), "orders 17, 18"),
        (ticket, "ticket 17 success"),
        (packages, "packages 23 deployed, 24"),
        (json!({"adopted": true, "task_id": 5}), "adopted, task 5"),
        (Value::Null, ""),
    ] {
        assert_eq!(format_result(&value), words);
    }
}
