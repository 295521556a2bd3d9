//! An optimisation: its methods, what it does, and its plots.

use backflow::optim::{EstimatorSettings, ScheduleSettings, Settings, UpdateSettings};
use backflow_viewer_session::optimise::{Activity, Point};
use egui::{ComboBox, RichText, Ui};
use egui_plot::{Legend, Line, Plot, PlotPoints};
use serde_json::Value;

use crate::{
    legend::short,
    marks::mark,
    methods::{choices, variant_of},
    tree,
};

/// A run that is plotted.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<Point>,
}

/// What is drawn of an optimisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ghosts {
    /// Where matter is to be.
    pub target: bool,
    /// The best trajectory.
    pub best: bool,
    /// The trajectory of the iteration before.
    pub previous: bool,
}

impl Default for Ghosts {
    fn default() -> Self {
        Self {
            target: true,
            best: true,
            previous: false,
        }
    }
}

/// What the panel shows and changes.
#[derive(Debug, Clone)]
pub struct OptimiseState {
    /// Methods and stops, as they are to be.
    pub settings: Settings,
    /// What the present run is doing; none if there is no run.
    pub activity: Option<Activity>,
    /// All runs, the present one last.
    pub curves: Vec<Curve>,
    /// What is drawn.
    pub ghosts: Ghosts,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum OptimiseAction {
    /// Start a run; the one before stays in the plots.
    Start,
    /// Rest, or go on.
    Pause(bool),
    /// Go on with other settings.
    Configure,
    /// Forget all runs but the last.
    Forget,
    /// Play the best trajectory.
    Replay,
    /// Save the best as a file.
    Save,
}

/// The panel.
pub fn panel(ui: &mut Ui, state: &mut OptimiseState) -> Vec<OptimiseAction> {
    let mut actions = Vec::new();
    let before = state.settings.clone();
    methods(ui, &mut state.settings);
    if state.settings != before && state.activity.is_some() {
        actions.push(OptimiseAction::Configure);
    }
    ui.horizontal_wrapped(|ui| {
        let running = matches!(state.activity, Some(Activity::Running | Activity::Starting));
        let paused = state.activity == Some(Activity::Paused);
        let start = if state.activity.is_some() {
            "Start anew"
        } else {
            "Start optimising"
        };
        let start = ui.button(start);
        mark(&start, "optimise");
        if start.clicked() {
            actions.push(OptimiseAction::Start);
        }
        if running && ui.button("Pause").clicked() {
            actions.push(OptimiseAction::Pause(true));
        }
        if paused && ui.button("Resume").clicked() {
            actions.push(OptimiseAction::Pause(false));
        }
        if state.curves.len() > 1 && ui.button("Forget others").clicked() {
            actions.push(OptimiseAction::Forget);
        }
        let has_best = state
            .curves
            .last()
            .is_some_and(|run| !run.points.is_empty());
        if has_best {
            if ui
                .button("Replay best")
                .on_hover_text("Run the scene with the best found")
                .clicked()
            {
                actions.push(OptimiseAction::Replay);
            }
            if ui
                .button("Save best")
                .on_hover_text("As a scene that starts from the best")
                .clicked()
            {
                actions.push(OptimiseAction::Save);
            }
        }
    });
    status(ui, state);
    ui.horizontal_wrapped(|ui| {
        ui.label("Ghosts");
        ui.checkbox(&mut state.ghosts.target, "target");
        ui.checkbox(&mut state.ghosts.best, "best");
        ui.checkbox(&mut state.ghosts.previous, "previous");
    });
    plot(ui, "Loss", &state.curves, |point| Some(point.loss), true);
    plot(
        ui,
        "Gradient norm",
        &state.curves,
        |point| Some(point.gradient_norm),
        true,
    );
    let score = |point: &Point| point.scores.first().map(|(_, score)| *score);
    let name = state
        .curves
        .iter()
        .flat_map(|curve| &curve.points)
        .find_map(|point| point.scores.first())
        .map(|(name, _)| name.clone());
    if let Some(name) = name {
        plot(ui, &name, &state.curves, score, false);
    }
    actions
}

fn status(ui: &mut Ui, state: &OptimiseState) {
    let text = match &state.activity {
        None => return,
        Some(Activity::Starting) => "getting ready".to_owned(),
        Some(Activity::Running) => "running".to_owned(),
        Some(Activity::Paused) => "paused".to_owned(),
        Some(Activity::Finished(stop)) => format!("finished: {stop}"),
        Some(Activity::Failed(error)) => {
            ui.colored_label(egui::Color32::from_rgb(235, 90, 80), error);
            return;
        }
    };
    let last = state.curves.last().and_then(|curve| curve.points.last());
    let text = match last {
        Some(point) => format!(
            "{text} · iteration {} · loss {} · best {}",
            point.iteration,
            short(point.loss),
            short(point.best)
        ),
        None => text,
    };
    ui.label(RichText::new(text).strong());
}

/// Update, schedule, estimator and the number of iterations.
fn methods(ui: &mut Ui, settings: &mut Settings) {
    ui.horizontal(|ui| {
        ui.label("Iterations");
        ui.add(egui::DragValue::new(&mut settings.iterations).range(1..=100_000));
    });
    if let Some(update) = choose::<UpdateSettings>(ui, "Update", &settings.update) {
        settings.update = update;
    }
    if let Some(schedule) = choose::<ScheduleSettings>(ui, "Schedule", &settings.schedule) {
        settings.schedule = schedule;
    }
    if let Some(estimator) = choose::<EstimatorSettings>(ui, "Gradient", &settings.estimator) {
        settings.estimator = estimator;
    }
    if settings.update.searches_lines() {
        settings.clip = backflow::optim::Clip::None;
    }
}

/// A choice of a method and its numbers; the method, if it is another.
fn choose<T>(ui: &mut Ui, title: &str, now: &T) -> Option<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let mut value = serde_json::to_value(now).ok()?;
    let mut changed = false;
    ui.horizontal(|ui| {
        ui.label(title);
        let name = variant_of(&value).to_owned();
        ComboBox::from_id_salt(title)
            .selected_text(&name)
            .show_ui(ui, |ui| {
                for (choice, defaults) in choices::<T>() {
                    if ui.selectable_label(choice == name, choice).clicked() && choice != name {
                        value = defaults;
                        changed = true;
                    }
                }
            });
    });
    if let Some(Value::Object(numbers)) =
        value.as_object_mut().and_then(|it| it.values_mut().next())
    {
        ui.horizontal_wrapped(|ui| {
            for (name, number) in numbers.iter_mut() {
                ui.label(RichText::new(name).small());
                changed |= tree::plain(ui, number);
            }
        });
    }
    changed
        .then(|| serde_json::from_value(value).ok())
        .flatten()
}

/// A plot of all runs; logarithmic where asked for and possible.
fn plot(
    ui: &mut Ui,
    title: &str,
    curves: &[Curve],
    read: impl Fn(&Point) -> Option<f64>,
    log: bool,
) {
    if curves.iter().all(|curve| curve.points.is_empty()) {
        return;
    }
    ui.label(RichText::new(title).small().strong());
    let mut plot = Plot::new(title)
        .height(110.0)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .show_axes([true, true]);
    if log {
        plot = plot.y_axis_formatter(|mark, _| short(10.0_f64.powf(mark.value)));
    }
    if curves.len() > 1 {
        plot = plot.legend(Legend::default());
    }
    let shown = plot.show(ui, |plot| {
        for curve in curves {
            let points: PlotPoints<'_> = curve
                .points
                .iter()
                .filter_map(|point| Some((point.iteration as f64, read(point)?)))
                .filter(|(_, y)| y.is_finite() && (!log || *y > 0.0))
                .map(|(x, y)| [x, if log { y.log10() } else { y }])
                .collect();
            plot.line(Line::new(curve.name.clone(), points).width(2.0));
        }
    });
    mark(&shown.response, format!("plot {title}"));
}
