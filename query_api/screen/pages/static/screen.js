// Everything works without this. With it: what a script offers is shown, an error summary takes the
// focus, and a form is sent once.
document.documentElement.classList.add("fdt-script");

const summary = document.querySelector(".govuk-error-summary");
if (summary) summary.focus();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
