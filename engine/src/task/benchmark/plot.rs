//! Curves as SVG.

/// A curve with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// x and y, in the order of x.
    pub points: Vec<(f64, f64)>,
}

/// Width and height of the picture, and its margins (pixels).
const SIZE: (f64, f64) = (720.0, 400.0);
const MARGIN: (f64, f64, f64, f64) = (70.0, 150.0, 30.0, 45.0);

/// Colours of the curves, from Okabe and Ito's palette for colour-blind readers, and dashes for
/// the second round.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// A picture of curves with a linear x axis and a y axis that is logarithmic where all values are
/// positive. Points that are not finite are left out.
pub fn plot(title: &str, x_label: &str, y_label: &str, curves: &[Curve]) -> String {
    let finite = |(x, y): &&(f64, f64)| x.is_finite() && y.is_finite();
    let all: Vec<(f64, f64)> = curves
        .iter()
        .flat_map(|curve| curve.points.iter().filter(finite).copied())
        .collect();
    let logarithmic = !all.is_empty() && all.iter().all(|(_, y)| *y > 0.0);
    let scale = |y: f64| if logarithmic { y.log10() } else { y };
    let least =
        |pick: &dyn Fn(&(f64, f64)) -> f64| all.iter().map(pick).fold(f64::INFINITY, f64::min);
    let most =
        |pick: &dyn Fn(&(f64, f64)) -> f64| all.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
    let x_range = widened(0.0_f64.min(least(&|p| p.0)), most(&|p| p.0));
    let y_range = widened(least(&|p| scale(p.1)), most(&|p| scale(p.1)));
    let (left, right, top, bottom) = MARGIN;
    let (width, height) = (SIZE.0 - left - right, SIZE.1 - top - bottom);
    let across = |x: f64| left + width * (x - x_range.0) / (x_range.1 - x_range.0);
    let up = |y: f64| top + height * (1.0 - (y - y_range.0) / (y_range.1 - y_range.0));

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"18\" font-size=\"14\">{}</text>\n",
        SIZE.0,
        SIZE.1,
        escaped(title)
    );
    for tick in ticks(x_range) {
        let x = across(tick);
        svg.push_str(&format!(
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            top + height,
            top + height + 16.0,
            number(tick)
        ));
    }
    for tick in ticks(y_range) {
        let y = up(tick);
        let value = if logarithmic { 10_f64.powf(tick) } else { tick };
        svg.push_str(&format!(
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            left + width,
            left - 6.0,
            y + 4.0,
            number(value)
        ));
    }
    svg.push_str(&format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
         <text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
        left + 0.5 * width,
        SIZE.1 - 8.0,
        escaped(x_label),
        top + 0.5 * height,
        escaped(y_label)
    ));
    for (index, curve) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let dash = if index < COLOURS.len() {
            ""
        } else {
            " stroke-dasharray=\"5 3\""
        };
        let path: Vec<String> = curve
            .points
            .iter()
            .filter(finite)
            .map(|(x, y)| format!("{:.1},{:.1}", across(*x), up(scale(*y))))
            .collect();
        let line = top + 14.0 * index as f64;
        svg.push_str(&format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dash} points=\"{}\"/>\n\
             <line x1=\"{:.1}\" y1=\"{line:.1}\" x2=\"{:.1}\" y2=\"{line:.1}\" stroke=\"{colour}\" \
             stroke-width=\"2\"{dash}/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            path.join(" "),
            left + width + 10.0,
            left + width + 34.0,
            left + width + 40.0,
            line + 4.0,
            escaped(&curve.name)
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

/// A range with room; one that is empty becomes one of length 1.
fn widened(from: f64, to: f64) -> (f64, f64) {
    if !(from.is_finite() && to.is_finite()) {
        return (0.0, 1.0);
    }
    if from == to {
        return (from - 0.5, to + 0.5);
    }
    (from, to)
}

/// About five round numbers within a range.
fn ticks((from, to): (f64, f64)) -> Vec<f64> {
    let raw = (to - from) / 5.0;
    let power = 10_f64.powf(raw.log10().floor());
    let step = power
        * [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .find(|m| m * power >= raw)
            .unwrap_or(10.0);
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    (first..=last).map(|k| k as f64 * step).collect()
}

/// A number with three digits, short.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-2..1e5).contains(&size) {
        let text = format!("{value:.3}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    } else {
        format!("{value:.1e}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_drawn_within_the_frame_and_what_is_not_finite_is_left_out() {
        let curve = Curve {
            name: "a < b".to_owned(),
            points: vec![
                (0.0, 10.0),
                (1.0, f64::NAN),
                (2.0, 0.1),
                (4.0, f64::INFINITY),
            ],
        };
        let svg = plot("title", "x", "y", &[curve]);
        let points = svg.split("points=\"").nth(1).unwrap();
        let points = points.split('"').next().unwrap();
        // the decade from 10 to 0.1 over the whole height, x from 0 to 2 over the whole width
        assert_eq!(points, "70.0,30.0 570.0,355.0");
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn nothing_to_draw_is_an_empty_frame() {
        assert!(plot("t", "x", "y", &[]).contains("<svg"));
        assert_eq!(ticks((0.0, 1.0)).len(), 6);
        assert_eq!(ticks((-3.2, 0.1)), [-3.0, -2.0, -1.0, 0.0]);
    }
}
