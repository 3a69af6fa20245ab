// Light or dark, before the first paint: a classic script, as modules run too late. "auto" follows the system.
(function () {
  'use strict';
  const KEY = 'dingtalk_sandbox_theme';
  const system = matchMedia('(prefers-color-scheme: dark)');
  const chosen = () => { try { return localStorage.getItem(KEY) || 'auto'; } catch { return 'auto'; } };
  const show = () => {
    const theme = chosen();
    document.documentElement.dataset.theme = theme === 'auto' ? (system.matches ? 'dark' : 'light') : theme;
  };
  window.sandboxTheme = {
    toggle() {
      const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
      try { localStorage.setItem(KEY, next); } catch { /* kept for this page alone */ }
      document.documentElement.dataset.theme = next;
    },
  };
  addEventListener('storage', show);
  system.addEventListener('change', show);
  show();
})();
