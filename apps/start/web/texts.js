// The page's words in both languages. Functions where a number or a name goes in.
export const texts = {
  en: {
    title: 'bizlm',
    greeting: 'Three applications, fine-tuned on their sample data and running on this machine.',
    own: 'For your own data, see the README: each application learns from your files in minutes.',
    names: { customer_service: 'Customer service', finance_monitor: 'Finance monitor', recommender: 'Recommender' },
    purposes: {
      customer_service: 'Answers customers’ questions from your FAQs, with the source and a calibrated confidence, and hands over to a person when it should not answer.',
      finance_monitor: 'Watches financial news as it arrives: sentiment, topics, trends, and one alert when negative news surges.',
      recommender: 'Ranks what each user may want next from the texts of what they viewed and did, and says why.',
    },
    metrics: { right_first: 'right FAQ first', sentiment_f1: 'sentiment, weighted F1', 'ndcg@10': 'nDCG@10' },
    states: { ready: 'Ready', starting: 'Starting …', ended: 'Ended. See the terminal for the reason.' },
    release: (id) => `release ${id}`,
    gain: (before) => `before fine-tuning ${before}`,
    open: 'Open',
    lost: 'The start page’s server is not responding. Retrying …',
    theme: { light: 'Dark', dark: 'Light' },
  },
  zh: {
    title: 'bizlm',
    greeting: '三个应用，都已用示例数据微调好，正在这台机器上运行。',
    own: '想用自己的数据，请看 README：给出您的文件，每个应用几分钟就能学会。',
    names: { customer_service: '客服问答', finance_monitor: '舆情监测', recommender: '个性化推荐' },
    purposes: {
      customer_service: '根据您的 FAQ 回答客户的问题，注明出处和校准过的把握；不该回答的，转人工。',
      finance_monitor: '实时监测财经新闻：情绪、主题、走势；负面消息激增时只发一条告警。',
      recommender: '根据用户看过什么、做过什么，排出每位用户接下来可能想要的，并说明理由。',
    },
    metrics: { right_first: '第一条就是正确的 FAQ', sentiment_f1: '情绪，加权 F1', 'ndcg@10': 'nDCG@10' },
    states: { ready: '已就绪', starting: '正在启动……', ended: '已退出，原因请看终端。' },
    release: (id) => `版本 ${id}`,
    gain: (before) => `微调前 ${before}`,
    open: '打开',
    lost: '起始页的服务没有响应，正在重试……',
    theme: { light: '深色', dark: '浅色' },
  },
};
