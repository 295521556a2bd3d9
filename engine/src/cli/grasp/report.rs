//! `backflow grasp report`: how good sets of grasps are, as far as is known.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use backflow_grasp::{
    evaluation::{Analytic, Evaluation, Summary, analytic, summary::Tried},
    object::{Fineness, Object},
    picture::picture,
    set::{GraspEntry, GraspSet, diversity, json},
    synthesis::Score,
};
use backflow_sim::io::write_png;
use clap::Args;
use serde_json::{Value, json};

use super::{
    chart::{Bar, bars},
    hand,
};
use crate::cli::{
    Failure,
    out::{say, say_json},
};

/// Says how good sets of grasps seem by their own scores, how diverse they are, and what
/// simulations said about them.
///
/// Nothing is simulated: `force` is what forces miss of a unit load, mean over six loads; what
/// `grasp evaluate --out DIR` found is taken from there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow grasp report runs/grasps/*.json --analytic
  backflow grasp report runs/grasps/*.json --verdicts runs/verdicts --out runs/report --pictures 2

With --out there is DIR/report.md with tables, DIR/held.svg if there are verdicts, and pictures of the
first grasps of each set.")]
pub struct Report {
    /// Sets in JSON.
    #[arg(required = true, value_name = "SET")]
    sets: Vec<PathBuf>,
    /// Folder with the verdicts of `grasp evaluate`.
    #[arg(long, value_name = "DIR")]
    verdicts: Option<PathBuf>,
    /// Say how good contacts are by the metrics of DexGraspBench that simulate nothing, of hands
    /// that Backflow has.
    #[arg(long)]
    analytic: bool,
    /// Folder for a report with charts and pictures.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Pictures of each set, of hands that Backflow has.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "out")]
    pictures: usize,
    /// Print one JSON object a set instead of a table.
    #[arg(long)]
    json: bool,
}

/// A set with what is known of it.
struct Known {
    path: PathBuf,
    set: GraspSet,
    evaluation: Option<Evaluation>,
    analytic: Vec<Analytic>,
}

impl Report {
    /// Runs the command.
    ///
    /// # Errors
    /// A set, verdicts or an object that cannot be read; files that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let mut sets = Vec::new();
        for path in &self.sets {
            let set = json::read(path).map_err(Failure::input)?;
            let evaluation = self.evaluation(path, &set)?;
            let analytic = if self.analytic {
                by_contacts(path, &set)?
            } else {
                Vec::new()
            };
            sets.push(Known {
                path: path.clone(),
                set,
                evaluation,
                analytic,
            });
        }
        let mut rows: Vec<Row> = sets
            .iter()
            .map(|known| Row::of(stem(&known.path), &[known]))
            .collect();
        if sets.len() > 1 {
            let all: Vec<&Known> = sets.iter().collect();
            rows.push(Row::of("all".to_owned(), &all));
        }
        if self.json {
            for row in &rows {
                say_json(&row.json());
            }
        } else {
            for line in table(&rows) {
                say(&line);
            }
        }
        match &self.out {
            Some(out) => self.write(out, &sets, &rows),
            None => Ok(()),
        }
    }

    /// What a simulation said about a set.
    fn evaluation(&self, path: &Path, set: &GraspSet) -> Result<Option<Evaluation>, Failure> {
        let Some(folder) = &self.verdicts else {
            return Ok(None);
        };
        let file = folder.join(format!("{}.evaluation.json", stem(path)));
        let fault =
            |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", file.display()));
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&file).map_err(|error| fault(&error))?;
        let evaluation: Evaluation = serde_json::from_str(&text).map_err(|error| fault(&error))?;
        if evaluation.verdicts.len() != set.grasps.len() {
            return Err(fault(&format!(
                "{} verdicts, expected one for each of {} grasps",
                evaluation.verdicts.len(),
                set.grasps.len()
            )));
        }
        Ok(Some(evaluation))
    }

    /// Writes the report.
    fn write(&self, out: &Path, sets: &[Known], rows: &[Row]) -> Result<(), Failure> {
        let fault = |path: &Path, error: &dyn std::fmt::Display| {
            Failure::work(format!("{}: {error}", path.display()))
        };
        fs::create_dir_all(out).map_err(|error| fault(out, &error))?;
        let mut text = "# Grasps\n\n".to_owned();
        for (index, line) in table(rows).iter().enumerate() {
            text += &format!("| {line} |\n");
            if index == 0 {
                let columns = line.matches(" | ").count() + 1;
                text += &format!("|{}\n", "---|".repeat(columns));
            }
        }
        let chart: Vec<Bar> = rows
            .iter()
            .filter_map(|row| {
                let summary = row.summary.as_ref()?;
                Some(Bar {
                    name: row.name.clone(),
                    share: summary.rate,
                    bounds: summary.interval,
                })
            })
            .collect();
        if !chart.is_empty() {
            let file = out.join("held.svg");
            fs::write(&file, bars("Share that held, with bounds at 95 %", &chart))
                .map_err(|error| fault(&file, &error))?;
            text += "\n![Share that held](held.svg)\n";
        }
        for known in sets {
            text += &self.pictures(out, known)?;
        }
        let file = out.join("report.md");
        fs::write(&file, text).map_err(|error| fault(&file, &error))?;
        say(&file.display().to_string());
        Ok(())
    }

    /// Renders the first grasps of a set; the lines of the report that show them.
    fn pictures(&self, out: &Path, known: &Known) -> Result<String, Failure> {
        let mut text = String::new();
        let count = self.pictures.min(known.set.grasps.len());
        let Some(name) = known.set.hand.name.as_ref().filter(|_| count > 0) else {
            return Ok(text);
        };
        let hand = hand(name)?;
        let entry = &known.set.object;
        let folder = known.path.parent().unwrap_or(Path::new(""));
        let object = Object::read(&folder.join(&entry.mesh), entry.scale, &Fineness::default())
            .map_err(Failure::input)?;
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n## {}\n", stem(&known.path));
        let order = known
            .set
            .order(&hand)
            .map_err(|error| Failure::input(format!("{}: {error}", known.path.display())))?;
        for (index, grasp) in known.set.grasps.iter().take(count).enumerate() {
            let joints: Vec<f64> = order.iter().map(|&place| grasp.grasp[place]).collect();
            let image = picture(&hand, &object, entry, grasp, &joints, [480, 360])
                .render()
                .map_err(Failure::work)?;
            let file = format!("{}-{index}.png", stem(&known.path));
            write_png(&out.join(&file), &image).map_err(Failure::work)?;
            let word = match &known.evaluation {
                None => "not simulated",
                Some(evaluation) => evaluation.verdicts[index]
                    .lost
                    .map_or("held", |lost| lost.words()),
            };
            let _ = writeln!(
                text,
                "![Grasp {index}: {word}]({file}) grasp {index}: {word}\n"
            );
        }
        Ok(text)
    }
}

/// What contacts alone say about the grasps of a set.
fn by_contacts(path: &Path, set: &GraspSet) -> Result<Vec<Analytic>, Failure> {
    let fault =
        |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", path.display()));
    let name = set.hand.name.as_ref();
    let name = name.ok_or_else(|| fault(&"hand.name is missing, expected a hand of Backflow"))?;
    let (hand, entry) = (hand(name)?, &set.object);
    let folder = path.parent().unwrap_or(Path::new(""));
    let object = Object::read(&folder.join(&entry.mesh), entry.scale, &Fineness::default())
        .map_err(Failure::input)?;
    analytic(&hand, &object, set).map_err(|error| fault(&error))
}

/// Name of a set: that of its file.
fn stem(path: &Path) -> String {
    path.file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// What is known of some sets together.
struct Row {
    name: String,
    grasps: usize,
    scored: usize,
    /// Means: what forces miss (1), what squeezes miss (1), gap, penetration and self-penetration
    /// (mm).
    means: [f64; 5],
    share: Option<[f64; 5]>,
    summary: Option<Summary>,
    /// Means of `qp`, `qp_dfc` and `q1`, see [`Analytic`].
    analytic: Option<[f64; 3]>,
}

impl Row {
    fn of(name: String, known: &[&Known]) -> Self {
        let grasps: Vec<&GraspEntry> = known.iter().flat_map(|known| &known.set.grasps).collect();
        let scores: Vec<&Score> = grasps
            .iter()
            .filter_map(|grasp| grasp.score.as_ref())
            .collect();
        let mean = |part: &dyn Fn(&Score) -> f64| {
            let sum: f64 = scores.iter().map(|score| part(score)).sum();
            sum / scores.len().max(1) as f64
        };
        let tried: Vec<Tried<'_>> = known
            .iter()
            .filter_map(|known| {
                Some(Tried {
                    set: &known.set,
                    verdicts: &known.evaluation.as_ref()?.verdicts,
                })
            })
            .collect();
        let analytic: Vec<&Analytic> = known.iter().flat_map(|known| &known.analytic).collect();
        let by_contacts = |part: &dyn Fn(&Analytic) -> f64| {
            analytic.iter().map(|found| part(found)).sum::<f64>() / analytic.len() as f64
        };
        Self {
            name,
            analytic: (!analytic.is_empty()).then(|| {
                [
                    by_contacts(&|found| found.qp),
                    by_contacts(&|found| found.qp_dfc),
                    by_contacts(&|found| found.q1),
                ]
            }),
            grasps: grasps.len(),
            scored: scores.len(),
            means: [
                mean(&|score| score.force),
                mean(&|score| score.squeeze),
                1e3 * mean(&|score| score.gap),
                1e3 * mean(&|score| score.penetration),
                1e3 * mean(&|score| score.overlap),
            ],
            share: diversity(grasps.iter().copied()),
            summary: (!tried.is_empty()).then(|| Summary::of(&tried)),
        }
    }

    fn json(&self) -> Value {
        json!({
            "set": self.name,
            "grasps": self.grasps,
            "scored": self.scored,
            "force": self.means[0],
            "squeeze": self.means[1],
            "gap_mm": self.means[2],
            "penetration_mm": self.means[3],
            "self_penetration_mm": self.means[4],
            "pca_share_first5": self.share,
            "simulated": self.summary,
            "qp": self.analytic.map(|means| means[0]),
            "qp_dfc": self.analytic.map(|means| means[1]),
            "q1": self.analytic.map(|means| means[2]),
        })
    }
}

/// A head and a line a row.
fn table(rows: &[Row]) -> Vec<String> {
    let simulated = rows.iter().any(|row| row.summary.is_some());
    let mut head =
        "set | grasps | force | squeeze | gap mm | penetration mm | self mm | first PCA share"
            .to_owned();
    if simulated {
        head += " | held | 95 % | held < 2 mm | simulated: penetration mm | self mm | contact mm";
    }
    let analytic = rows.iter().any(|row| row.analytic.is_some());
    if analytic {
        head += " | qp | qp_dfc | q1";
    }
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut lines = vec![head];
    for row in rows {
        let means = row.means.map(|mean| format!("{mean:.3}")).join(" | ");
        let share = row
            .share
            .map_or_else(|| "-".to_owned(), |share| percent(share[0]));
        let mut line = format!("{} | {} | {means} | {share}", row.name, row.grasps);
        match &row.summary {
            Some(summary) => {
                line += &format!(
                    " | {} of {}, {} | {} to {} | {} | {:.2} | {:.2} | {:.2}",
                    summary.held,
                    summary.grasps,
                    percent(summary.rate),
                    percent(summary.interval[0]),
                    percent(summary.interval[1]),
                    percent(summary.strict[1]),
                    1e3 * summary.penetration,
                    1e3 * summary.self_penetration,
                    1e3 * summary.contact_distance
                );
            }
            None if simulated => line += &" | -".repeat(6),
            None => {}
        }
        match &row.analytic {
            Some(means) => means
                .iter()
                .for_each(|mean| line += &format!(" | {mean:.3}")),
            None if analytic => line += &" | -".repeat(3),
            None => {}
        }
        lines.push(line);
    }
    lines
}
