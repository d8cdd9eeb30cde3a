//! An interactive shell in a pseudo-terminal, with the integration loaded and an `ifctl` that writes down its arguments.

use crate::shell_init::{Shell, script};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// Longest wait for anything a shell should do.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a shell may take to act on a key before it is pressed again.
const KEY_PATIENCE: Duration = Duration::from_secs(2);
/// Wide enough that no line of a test is folded.
const SIZE: PtySize = PtySize { rows: 50, cols: 250, pixel_width: 0, pixel_height: 0 };
/// What may follow `if` in the tests.
pub const WORDS: [&str; 5] = ["vmix", "obs", "witness", "status", "node list"];

const FAKE_IFCTL: &str =
    "#!/bin/sh\n{ for a in \"$@\"; do printf '[%s]' \"$a\"; done; echo; } >>\"$IFCTL_CALLS\"\necho \"ran $1\"\n";

/// Everything the terminal showed so far, and a bell for when there is more.
type Screen = Arc<(Mutex<String>, Condvar)>;

pub struct Terminal {
    pub shell: Shell,
    is_fish_3: bool,
    dir: TempDir,
    keyboard: Box<dyn Write + Send>,
    screen: Screen,
    child: Box<dyn Child + Send + Sync>,
    marks: u32,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    pub fn open(shell: Shell) -> Self {
        Self::open_with(shell, "", "")
    }

    /// `before` and `after` are lines of the start-up file around the integration.
    pub fn open_with(shell: Shell, before: &str, after: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path(), shell, before, after);
        let pty = native_pty_system().openpty(SIZE).unwrap();
        let child = pty.slave.spawn_command(command(shell, dir.path())).unwrap_or_else(|e| {
            panic!("{} does not start ({e}); install it: apt-get install -y zsh fish", shell.as_str())
        });
        let screen = Screen::default();
        watch(pty.master.try_clone_reader().unwrap(), screen.clone());
        let keyboard = pty.master.take_writer().unwrap();
        let is_fish_3 = shell == Shell::Fish && major_version(shell) == "3";
        let mut terminal = Self { shell, is_fish_3, dir, keyboard, screen, child, marks: 0, _master: pty.master };
        terminal.settle();
        terminal
    }

    pub fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Types a line and Enter, and waits until the shell is at its prompt again. Gives what the terminal showed.
    pub fn line(&mut self, line: &str) -> String {
        self.lines(&[line])
    }

    /// Types several lines, of which the last completes a command.
    pub fn lines(&mut self, lines: &[&str]) -> String {
        let from = self.screen.0.lock().unwrap().len();
        for line in lines {
            self.keys(&format!("{line}\r"));
        }
        self.settle();
        self.screen.0.lock().unwrap()[from..].to_string()
    }

    /// Waits until the shell has done all that was typed: it then prints a mark that no keystroke shows.
    fn settle(&mut self) {
        self.marks += 1;
        let mark = format!("mark-{}.", self.marks);
        self.keys(&format!(" echo mar''k-{}.\r", self.marks));
        self.wait_for(&mark);
    }

    /// Types the interrupt key until there is a prompt again: a shell that has just shown one and is not reading yet may
    /// miss it, and a person then presses it again.
    pub fn interrupt(&mut self) {
        const INTERRUPT: &str = "\x03";
        let from = self.screen.0.lock().unwrap().len();
        let give_up = Instant::now() + PATIENCE;
        loop {
            self.keys(INTERRUPT);
            if self.shows(from, "> ", Instant::now() + KEY_PATIENCE) {
                return;
            }
            assert!(
                Instant::now() < give_up,
                "{} has no prompt:\n{}",
                self.shell.as_str(),
                self.screen.0.lock().unwrap()
            );
        }
    }

    pub fn wait_for(&self, text: &str) {
        self.wait_from(0, text);
    }

    /// Waits until the terminal shows `text` after its first `from` bytes.
    fn wait_from(&self, from: usize, text: &str) {
        let seen = self.shows(from, text, Instant::now() + PATIENCE);
        let (shell, shown) = (self.shell.as_str(), self.screen.0.lock().unwrap());
        assert!(seen, "{shell} never showed {text:?}; it showed:\n{shown}");
    }

    /// Does the terminal show `text` after its first `from` bytes before `give_up`?
    fn shows(&self, from: usize, text: &str, give_up: Instant) -> bool {
        let (shown, bell) = &*self.screen;
        let mut shown = shown.lock().unwrap();
        while !shown[from..].contains(text) {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            shown = bell.wait_timeout(shown, left).unwrap().0;
        }
        true
    }

    /// Arguments of every `ifctl` started so far, each in brackets.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    }

    /// Waits, at fish 3, for the next second: it does not keep the order of history lines of one second when others,
    /// here the integration, add lines to its file.
    pub fn next_second(&mut self) {
        let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = second();
        while self.is_fish_3 && second() == now {
            self.line("");
        }
    }

    /// Waits until the shell's history, without the marks, is `expected`, oldest first. fish 3 reads its file again only
    /// when a second has passed.
    pub fn expect_history(&mut self, expected: &[&str]) {
        let give_up = Instant::now() + PATIENCE;
        let mut seen = self.history();
        while seen != expected && self.is_fish_3 && Instant::now() < give_up {
            self.line(" history merge");
            seen = self.history();
        }
        assert_eq!(seen, expected, "{}", self.shell.as_str());
    }

    fn history(&mut self) -> Vec<String> {
        let file = self.path("history-shown");
        let list = match self.shell {
            Shell::Bash => "HISTTIMEFORMAT= history | sed 's/^ *[0-9]*[* ] //'",
            Shell::Zsh => "fc -ln 1",
            Shell::Fish => "history --reverse",
        };
        self.line(&format!(" {list} > {}", file.display()));
        let text = fs::read_to_string(file).unwrap();
        let ours = |line: &&str| !line.contains("mar''k") && !line.contains("history-shown");
        text.lines().filter(ours).map(str::to_string).collect()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `3` of `fish, version 3.6.0`.
fn major_version(shell: Shell) -> String {
    let output = std::process::Command::new(shell.as_str()).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect()
}

fn watch(mut reader: Box<dyn Read + Send>, screen: Screen) {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            screen.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            screen.1.notify_all();
        }
    });
}

fn command(shell: Shell, home: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(shell.as_str());
    match shell {
        Shell::Bash => command.args(["--noprofile", "--rcfile", &home.join("bashrc").display().to_string(), "-i"]),
        Shell::Zsh => command.args(["--no-globalrcs", "-i"]),
        Shell::Fish => command.args(["-i"]),
    }
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    command.env_clear();
    command.env("PATH", path);
    command.env("HOME", home);
    command.env("ZDOTDIR", home);
    command.env("TERM", "xterm");
    command.env("LANG", "C.UTF-8");
    command.env("IFCTL_CALLS", home.join("calls"));
    command.cwd(home);
    command
}

fn prepare(home: &Path, shell: Shell, before: &str, after: &str) {
    let (file, settings) = match shell {
        Shell::Bash => ("bashrc", "PS1='> '; PS2='more> '; HISTCONTROL=ignorespace; HISTFILE=~/history"),
        Shell::Zsh => (
            ".zshrc",
            "PS1='> '; PS2='more> '; setopt hist_ignore_space; HISTSIZE=100; SAVEHIST=100; HISTFILE=~/history",
        ),
        Shell::Fish => (".config/fish/config.fish", "function fish_prompt; echo '> '; end; set -g fish_greeting"),
    };
    let file = home.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("{settings}\n{before}\n{}\n{after}\n", script(shell, &WORDS))).unwrap();
    let fake = home.join("bin").join("ifctl");
    fs::create_dir_all(fake.parent().unwrap()).unwrap();
    fs::write(&fake, FAKE_IFCTL).unwrap();
    make_executable(&fake);
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
