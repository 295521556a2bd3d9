mod cases;
mod motion;
mod transpose;
