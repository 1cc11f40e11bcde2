// One job: what a step tells of its progress is shown at once, with the time that is left if it goes on like this.

function lasting(seconds) {
  if (seconds < 60) return `${Math.max(seconds, 0).toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds) % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

document.addEventListener("vidijob:progress", (event) => {
  const row = event.target.closest("li");
  const { value, total } = event.detail;
  if (!row || !total) return;
  const far = row.querySelector("[data-far]");
  if (far) far.textContent = `${Math.round((100 * value) / total)}%`;
  const took = row.querySelector("[data-began]");
  if (took && value > 0 && value < total) {
    const gone = (Date.now() - new Date(took.dataset.began)) / 1000;
    took.textContent = `${lasting((gone * (total - value)) / value)} left`;
  }
});
