//! Pictures: whole, and with every text escaped.

use super::kit::*;
use crate::{mermaid, svg};
use if_schemas::{
    plan::{OnFailure, Step},
    run::Outcome,
};

const NASTY: &str = "<b>&\"'`#\n]";

fn play() -> Play {
    let steps = vec![step("a", &[]), Step { on_failure: OnFailure::Continue, ..step(NASTY, &[0]) }, step("c", &[0, 1])];
    let mut play = Play::new(2, steps);
    let command = play.admit("a");
    play.pass(1_500 * MS);
    play.settle(command, if_schemas::Status::Succeeded, "");
    let command = play.admit(NASTY);
    play.pass(250 * MS);
    play.settle(command, if_schemas::Status::Failed, "it is </text> \"off\"");
    play
}

#[test]
fn a_flowchart_with_times_and_outcomes() {
    let play = play();
    let expected = "flowchart LR
  s0[\"a<br/>confirmed, at 0.000 s, took 1.500 s\"]:::confirmed
  s1[\"#lt;b#gt;#amp;#quot;'#96;#35; ]<br/>failed, at 1.500 s, took 0.250 s<br/>it is #lt;/text#gt; #quot;off#quot;\"]:::failed
  s2[\"c<br/>running, at 1.750 s\"]:::running
  s0 --> s1
  s0 --> s2
  s1 --> s2
  classDef confirmed fill:#dcfce7,stroke:#16a34a,color:#18181b
  classDef failed fill:#fee2e2,stroke:#dc2626,color:#18181b
  classDef running fill:#dbeafe,stroke:#2563eb,color:#18181b
";
    assert_eq!(mermaid(play.progress.plan(), &play.progress.views()), expected);
}

#[test]
fn a_picture_in_layers() {
    let play = play();
    let picture = svg(play.progress.plan(), &play.progress.views());
    assert_eq!(picture.matches("<rect ").count(), 3);
    assert_eq!(picture.matches("<path ").count(), 3);
    assert!(
        picture.contains("&lt;b&gt;&amp;&quot;&#39;`# ]") && picture.contains("it is &lt;/text&gt; &quot;off&quot;")
    );
    assert!(picture.contains("viewBox=\"0 0 940 86\""), "{picture}");
    // Every tag that is opened is closed: nothing of the texts is markup.
    for tag in ["svg", "g", "text", "title"] {
        let opened = picture.matches(&format!("<{tag}>")).count() + picture.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, picture.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn a_thousand_steps_are_drawn() {
    let steps = (0..1_000_u32).map(|n| step(&format!("s{n}"), &n.checked_sub(100).into_iter().collect::<Vec<_>>()));
    let play = Play::not_started(plan(100, steps.collect()), order(&plan(1, Vec::new())));
    assert_eq!(svg(play.progress.plan(), &play.progress.views()).matches("<rect ").count(), 1_000);
}

#[test]
fn a_run_that_ended_keeps_its_picture() {
    let mut play = play();
    play.succeed("c");
    assert_eq!(play.closed().0, Outcome::Succeeded);
    assert!(mermaid(play.progress.plan(), &play.progress.views()).contains("c<br/>confirmed"));
}
