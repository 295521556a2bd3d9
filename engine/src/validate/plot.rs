//! Plots as SVG: curves of measurements and marks of references.

use std::fmt::Write;

/// Points of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// (x, y).
    pub points: Vec<[f64; 2]>,
    /// Whether its points are marks rather than joined: references.
    pub marks: bool,
}

/// A plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Title.
    pub title: String,
    /// What is along each axis, with its unit.
    pub axes: [String; 2],
    /// The curves.
    pub curves: Vec<Curve>,
}

/// Size of a plot and its margins, in pixels.
const SIZE: [f64; 2] = [640.0, 400.0];
const MARGIN: f64 = 60.0;

/// Colours of the curves in turn.
const COLOURS: [&str; 5] = ["#1f5fa8", "#c2410c", "#15803d", "#7e22ce", "#444444"];

impl Plot {
    /// The plot as an SVG file.
    pub fn svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let span = |axis: usize| {
            let (low, high) = points().fold((f64::INFINITY, f64::NEG_INFINITY), |span, point| {
                (span.0.min(point[axis]), span.1.max(point[axis]))
            });
            if high > low {
                (low, high)
            } else {
                (low - 0.5, low + 0.5)
            }
        };
        let spans = [span(0), span(1)];
        let place = |point: &[f64; 2]| {
            let part = |axis: usize| {
                let (low, high) = spans[axis];
                (point[axis] - low) / (high - low)
            };
            [
                MARGIN + part(0) * (SIZE[0] - 2.0 * MARGIN),
                SIZE[1] - MARGIN - part(1) * (SIZE[1] - 2.0 * MARGIN),
            ]
        };
        let [width, height] = SIZE;
        let mut svg = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
             fill=\"white\"/>"
        );
        let text = |svg: &mut String, x: f64, y: f64, anchor: &str, words: &str| {
            let words = words.replace('&', "&amp;").replace('<', "&lt;");
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
            );
        };
        text(&mut svg, width / 2.0, 20.0, "middle", &self.title);
        text(
            &mut svg,
            width / 2.0,
            height - 12.0,
            "middle",
            &self.axes[0],
        );
        text(&mut svg, 8.0, 38.0, "start", &self.axes[1]);
        for part in 0..=4 {
            let part = f64::from(part) / 4.0;
            let at = spans.map(|(low, high)| low + part * (high - low));
            let [x, y] = place(&at);
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {MARGIN}V{:.1}M{MARGIN} {y:.1}H{:.1}\" stroke=\"#ddd\"/>",
                height - MARGIN,
                width - MARGIN
            );
            let low = height - MARGIN + 16.0;
            text(&mut svg, x, low, "middle", &format!("{:.3}", at[0]));
            text(
                &mut svg,
                MARGIN - 6.0,
                y + 4.0,
                "end",
                &format!("{:.3}", at[1]),
            );
        }
        for (index, curve) in self.curves.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let places: Vec<_> = curve.points.iter().map(place).collect();
            if curve.marks {
                for [x, y] in &places {
                    let _ = writeln!(
                        svg,
                        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"none\" \
                         stroke=\"{colour}\"/>"
                    );
                }
            } else {
                let path: Vec<_> = places
                    .iter()
                    .map(|[x, y]| format!("{x:.1} {y:.1}"))
                    .collect();
                let _ = writeln!(
                    svg,
                    "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
                    path.join("L")
                );
            }
            let y = MARGIN + 16.0 * (index as f64 + 1.0);
            let _ = write!(svg, "<g fill=\"{colour}\">");
            text(&mut svg, MARGIN + 10.0, y, "start", &curve.name);
            svg.push_str("</g>\n");
        }
        svg.push_str("</svg>\n");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_placed_within_the_frame_and_names_are_escaped() {
        let curve = |name: &str, marks| Curve {
            name: name.to_owned(),
            points: vec![[0.0, 1.0], [2.0, 5.0]],
            marks,
        };
        let plot = Plot {
            title: "a < b & c".to_owned(),
            axes: ["x".to_owned(), "y".to_owned()],
            curves: vec![curve("line", false), curve("marks", true)],
        };
        let svg = plot.svg();
        assert!(svg.contains("a &lt; b &amp; c"));
        assert!(svg.contains("M60.0 340.0L580.0 60.0"));
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.trim_end().ends_with("</svg>"));
    }
}
