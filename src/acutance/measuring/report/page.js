// The slider shows the chosen method to the left of the line and the original to the right.
for (const crop of document.querySelectorAll(".crop")) {
  const compare = crop.querySelector(".compare");
  const over = crop.querySelector(".over");
  const left = crop.querySelector(".left");
  const slider = crop.querySelector("input");
  slider.addEventListener("input", () => compare.style.setProperty("--at", slider.value + "%"));
  for (const button of crop.querySelectorAll(".choose button")) {
    button.addEventListener("click", () => {
      crop.querySelector('[aria-pressed="true"]').removeAttribute("aria-pressed");
      button.setAttribute("aria-pressed", "true");
      over.src = button.querySelector("img").src;
      over.alt = left.textContent = button.textContent;
    });
  }
}
