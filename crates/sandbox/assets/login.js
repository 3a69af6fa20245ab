// Keeps the button's words and the avatar in step with the chosen person.
const choice = document.getElementById('persona');
const form = document.querySelector('form');
choice.addEventListener('change', () => {
  const name = choice.selectedOptions[0].dataset.name;
  document.getElementById('login').textContent = form.dataset.button.replace('{name}', name);
  document.getElementById('avatar').textContent = [...name].slice(-2).join('');
});
