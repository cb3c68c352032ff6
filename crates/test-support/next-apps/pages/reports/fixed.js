import { MARKER } from '../../marker';

export function getStaticProps() {
  return { props: { text: MARKER } };
}

export default function Page({ text }) {
  return <h1>{text}</h1>;
}
