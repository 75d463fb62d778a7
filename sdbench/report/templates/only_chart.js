
/* With #only=chart the page shows the headline and the chart alone */
document.documentElement.classList.toggle("only-chart", location.hash === "#only=chart");
