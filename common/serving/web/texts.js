// The words that all pages use, in both languages; a page's own go before them.
export const texts = {
  en: {
    otherLanguage: '中文',
    releases: 'Releases',
    keyTitle: 'API key needed',
    keyText: 'This server answers only with a key. It is kept in this tab and forgotten when you close it.',
    keyRefused: 'That key was not accepted. Please check it.',
    needsKey: 'This server answers only with an API key.',
    cancel: 'Cancel',
    ok: 'Continue',
  },
  zh: {
    otherLanguage: 'English',
    releases: '版本',
    keyTitle: '需要 API 密钥',
    keyText: '有密钥才能使用本服务。密钥只保存在当前标签页，关闭后即清除。',
    keyRefused: '密钥无效，请核对后重新输入。',
    needsKey: '需要 API 密钥才能使用。',
    cancel: '取消',
    ok: '继续',
  },
};
